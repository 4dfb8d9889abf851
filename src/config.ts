import { parseMailbox } from './email/sender.ts'
import { parseSmtpUrl } from './email/smtp-url.ts'
import { OperatorError } from './operator-error.ts'
import { KeyRing } from './secrets/key-ring.ts'
import { serviceLinksIn } from './service-links.ts'
import { SETTINGS, suggestionFor } from './setting-names.ts'
import {
  isLoopback,
  parseChoice,
  parseDuration,
  parseHostName,
  parseInteger,
  parseList,
  parseListen,
  parseNetwork,
  parseOrigin,
  parseUrl,
  SettingFault,
} from './settings.ts'
import { parsePostgresUrl } from './storage/postgres-url.ts'

export type Module = 'accounts' | 'confirmation'
export type Config = ReturnType<typeof readSettings> & {
  /** Variables of the environment that Kubernetes added and that are no settings. */
  serviceLinks: readonly string[]
}

const isSecret = (name: string) => /SECRET|DATABASE_URL|SMTP_URL/.test(name)

type Name = keyof typeof SETTINGS

/**
 * Reads and checks the settings, all at once.
 *
 * @param environment by default the process's own
 * @throws OperatorError that tells every fault: what was needed, what was found (secrets apart), what to do
 */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const faults: string[] = []
  const faulty = new Set<string>()
  const fault = (name: string, found: string, { needed, remedy }: SettingFault) => {
    faulty.add(name)
    faults.push(`${name}\n  Needed: ${needed}\n  Found:  ${found}\n  Do:     ${remedy}`)
  }

  const serviceLinks = serviceLinksIn(environment)
  for (const name of Object.keys(environment))
    if (name.startsWith('AUTH_') && !serviceLinks.has(name) && !(name in SETTINGS) && !name.startsWith('AUTH_TEST_'))
      fault(name, 'a setting of an unknown name', new SettingFault('a setting that exists', suggestionFor(name)))

  const read = <Value>(name: Name, parse: (text: string) => Value): Value | undefined => {
    const text = environment[name]?.trim()
    if (!text || serviceLinks.has(name)) return undefined
    try {
      return parse(text)
    } catch (error) {
      const known = error instanceof SettingFault ? error : new SettingFault((error as Error).message)
      fault(name, isSecret(name) ? 'a value that is not shown, as it is secret' : JSON.stringify(text), known)
      return undefined
    }
  }
  const config = { ...readSettings(read), serviceLinks: [...serviceLinks] }
  // A setting that could not be read looks as if it were missing; that would be told twice.
  for (const { names, found, problem } of contradictionsOf(config))
    if (!names.some(name => faulty.has(name))) fault(names[0], found, problem)
  if (faults.length > 0) throw new SettingsError(faults)
  return config
}

/** All faults of the settings in one message. */
class SettingsError extends OperatorError {
  override name = 'SettingsError'

  constructor(faults: string[]) {
    super({ needed: '', found: '', remedy: '' })
    this.message = `The settings have ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}.\n\n${faults.join('\n\n')}`
  }
}

type Read = <Value>(name: Name, parse: (text: string) => Value) => Value | undefined

function readSettings(read: Read) {
  const duration = (min: string, max: string) => (text: string) => parseDuration(text, { min, max })
  return {
    listen: {
      host: read('AUTH_HOST', text => text) ?? 'localhost',
      port: read('AUTH_PORT', text => parseInteger(text, { min: 0, max: 65_535 })) ?? 8080,
    },
    publicUrl: read('AUTH_PUBLIC_URL', parseOrigin),
    appUrl: read('AUTH_APP_URL', text => parseUrl(text).href),
    allowedOrigins: read('AUTH_ALLOWED_ORIGINS', text => parseList(text).map(parseOrigin)) ?? [],
    clientId: read('AUTH_CLIENT_ID', parseVisibleText) ?? 'default',
    audience: read('AUTH_AUDIENCE', parseVisibleText),
    dataDirectory: read('AUTH_DATA_DIR', text => text) ?? './data',
    databaseUrl: read('AUTH_DATABASE_URL', parsePostgresUrl),
    smtp: read('AUTH_SMTP_URL', parseSmtpUrl),
    smtpConnections: read('AUTH_SMTP_CONNECTIONS', text => parseInteger(text, { min: 1, max: 500 })) ?? 50,
    mailFrom: read('AUTH_MAIL_FROM', parseMailbox) ?? parseMailbox('Auth service <no-reply@localhost>'),
    confirmUrl: read('AUTH_CONFIRM_URL', text => parseUrl(text).href),
    deviceUrl: read('AUTH_DEVICE_URL', text => parseUrl(text).href),
    secretKey: read('AUTH_SECRET_KEY', KeyRing.parse),
    modules: new Set(read('AUTH_MODULES', parseModules) ?? (['accounts', 'confirmation'] as const)) as Set<Module>,
    accessTokenTtl: read('AUTH_ACCESS_TOKEN_TTL', duration('10s', '10m')) ?? 300,
    refreshIdleTtl: read('AUTH_REFRESH_IDLE_TTL', duration('1m', '3650d')) ?? 30 * 86_400,
    sessionTtl: read('AUTH_SESSION_TTL', duration('1m', '3650d')) ?? 180 * 86_400,
    sessionsPerAccount: read('AUTH_SESSIONS_PER_ACCOUNT', text => parseInteger(text, { min: 1, max: 10_000 })) ?? 100,
    refreshGrace: read('AUTH_REFRESH_GRACE', duration('1s', '10m')) ?? 30,
    confirmationTtl: read('AUTH_CONFIRMATION_TTL', duration('1m', '7d')) ?? 86_400,
    passwordMinLength: read('AUTH_PASSWORD_MIN_LENGTH', text => parseInteger(text, { min: 8, max: 64 })) ?? 8,
    signingAlgorithm: read('AUTH_SIGNING_ALG', text => parseChoice(text, ['ES256', 'EdDSA', 'RS256'])) ?? 'ES256',
    metricsListen: read('AUTH_METRICS_LISTEN', text => (text === 'off' ? ('off' as const) : parseListen(text))) ?? {
      host: '127.0.0.1',
      port: 9464,
    },
    metricsHosts: read('AUTH_METRICS_HOSTS', text => parseList(text).map(parseHostName)) ?? [],
    trustedProxies: read('AUTH_TRUST_PROXY', text => parseList(text).map(parseNetwork)) ?? [],
    auditRetention: read('AUTH_AUDIT_RETENTION', duration('1d', '3650d')) ?? 90 * 86_400,
    rateLimits: (read('AUTH_RATE_LIMITS', text => parseChoice(text, ['on', 'off'])) ?? 'on') === 'on',
    mailboxForced: read('AUTH_MAILBOX', text => parseChoice(text, ['on'])) === 'on',
    logLevel:
      read('AUTH_LOG_LEVEL', text =>
        parseChoice(text, ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
      ) ?? 'info',
  }
}

/** Whether only this machine can reach the service, by where it listens and by what it calls itself. */
function isLocalOnly({ listen, publicUrl, trustedProxies }: Config): boolean {
  const isOwnOrigin = publicUrl === undefined || isLoopback(new URL(publicUrl).hostname)
  return isLoopback(listen.host) && isOwnOrigin && trustedProxies.length === 0
}

/** Whether letters go to the embedded mailbox, in a process that sends any. */
export function usesMailbox(config: Config): boolean {
  return config.modules.has('confirmation') && !config.smtp
}

/** Settings that do not go together: the one to mend first, then the others that say so. */
type Contradiction = { names: [Name, ...Name[]]; found: string; problem: SettingFault }

function contradictionsOf(config: Config): Contradiction[] {
  const contradictions: Contradiction[] = []
  if (!isLoopback(config.listen.host) && !config.publicUrl?.startsWith('https:'))
    contradictions.push({
      names: ['AUTH_PUBLIC_URL', 'AUTH_HOST'],
      found: `${config.publicUrl ? `"${config.publicUrl}"` : 'nothing'}, with AUTH_HOST "${config.listen.host}"`,
      problem: new SettingFault(
        'the https origin that people reach the service at, since AUTH_HOST is not loopback',
        'set it, such as AUTH_PUBLIC_URL=https://auth.example.com, or listen on localhost',
      ),
    })
  if (config.databaseUrl && !config.secretKey)
    contradictions.push({
      names: ['AUTH_SECRET_KEY', 'AUTH_DATABASE_URL'],
      found: 'nothing, with AUTH_DATABASE_URL set',
      problem: new SettingFault(
        'the secret key, since several processes share the database',
        'make one, AUTH_SECRET_KEY="k1:$(openssl rand -base64 32)", and keep it as safe as the database; ' +
          'after a start without AUTH_DATABASE_URL it is in the file secret-key of the data directory',
      ),
    })
  if (config.modules.size < 2 && !config.databaseUrl)
    contradictions.push({
      names: ['AUTH_MODULES', 'AUTH_DATABASE_URL'],
      found: [...config.modules].join(','),
      problem: new SettingFault(
        'both modules in this process, since the embedded database belongs to one process',
        'set AUTH_DATABASE_URL, or leave AUTH_MODULES out',
      ),
    })
  if (config.modules.size < 2 && !config.publicUrl)
    contradictions.push({
      names: ['AUTH_PUBLIC_URL', 'AUTH_MODULES'],
      found: 'nothing, with AUTH_MODULES set',
      problem: new SettingFault(
        'the origin that people reach the service at, since several processes serve it',
        'set it to the same in all of them, such as AUTH_PUBLIC_URL=https://auth.example.com',
      ),
    })
  if (usesMailbox(config) && !isLocalOnly(config) && !config.mailboxForced)
    contradictions.push({
      names: ['AUTH_SMTP_URL', 'AUTH_HOST', 'AUTH_PUBLIC_URL', 'AUTH_TRUST_PROXY', 'AUTH_MAILBOX', 'AUTH_MODULES'],
      found: 'nothing, and others than this machine can reach the service',
      problem: new SettingFault(
        'a mail server, since the embedded mailbox shows every letter to whoever asks',
        'set AUTH_SMTP_URL=smtps://user:password@mail.example.com, or AUTH_MAILBOX=on if that is meant',
      ),
    })
  return contradictions
}

function parseModules(text: string): Module[] {
  const modules = parseList(text).map(name => parseChoice(name, ['accounts', 'confirmation']))
  if (modules.length === 0) throw new SettingFault('accounts, confirmation, or both by a comma')
  return modules
}

function parseVisibleText(text: string): string {
  if (!/^[\x21-\x7e]{1,200}$/.test(text)) throw new SettingFault('1 to 200 visible ASCII characters')
  return text
}
