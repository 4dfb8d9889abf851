import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { simpleParser } from 'mailparser'
import { readConfig } from '../../src/config.ts'
import { createLogger } from '../../src/log.ts'
import { uuidOf } from '../../src/secrets/bearer-secret.ts'
import { startService } from '../../src/service.ts'
import type { Database } from '../../src/storage/database.ts'
import type { Alteration } from '../support/altered-source.ts'
import { freezeClock } from '../support/database.ts'
import { HttpConnections } from '../support/http-connections.ts'
import { createDatabase } from '../support/postgres.ts'
import { emptyDirectory } from '../support/process.ts'
import { fillDataDirectory, SECRET_KEY } from '../support/service.ts'
import { startServicesOnPostgres } from '../support/services-on-postgres.ts'
import { openSmtpSink, type SmtpSink } from '../support/smtp-sink.ts'
import type { AccountModel } from './history.ts'
import { LIFETIMES } from './session-model.ts'

/** A real service that histories are tried on, one after the other. */
export type World = AsyncDisposable & {
  readonly url: string
  database: Database
  http: HttpConnections
  /** Sets the clock that stored lifetimes are judged by, and the process's where that can be set. Milliseconds. */
  setClock(now: number): Promise<void>
  /** Sets the process's clock alone, which access tokens follow. Milliseconds. */
  setProcessClock?(now: number): void
  /** The confirmation links in the letters to an address, the oldest first. */
  linksTo(email: string): Promise<string[]>
  /** Ends the service's process at once, and starts it again. */
  crash?: { kill(): Promise<void>; restart(): Promise<void> }
}

const SETTINGS = {
  AUTH_REFRESH_GRACE: `${LIFETIMES.grace}s`,
  AUTH_ACCESS_TOKEN_TTL: `${LIFETIMES.accessToken}s`,
  AUTH_REFRESH_IDLE_TTL: `${LIFETIMES.idle}s`,
  AUTH_SESSION_TTL: `${LIFETIMES.session}s`,
  AUTH_CONFIRMATION_TTL: `${LIFETIMES.confirmation}s`,
}
const CONNECTIONS = 20

/** In this process. @param postgresUrl undefined for the embedded database */
export async function worldInProcess(postgresUrl: string | undefined): Promise<World> {
  await using opened = new AsyncDisposableStack()
  const directory = opened.use(await emptyDirectory())
  const sink = opened.use(await openSmtpSink())
  const databaseUrl = postgresUrl && opened.use(await createDatabase(postgresUrl)).url
  if (!databaseUrl) await fillDataDirectory(directory.path)
  let now = Date.now()
  const config = readConfig({
    AUTH_PORT: '0',
    AUTH_METRICS_LISTEN: 'off',
    AUTH_DATA_DIR: directory.path,
    ...(databaseUrl && { AUTH_DATABASE_URL: databaseUrl, AUTH_SECRET_KEY: SECRET_KEY }),
    AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
    AUTH_RATE_LIMITS: 'off',
    ...SETTINGS,
  })
  const logger = createLogger('silent', { write: () => {} })
  const { port, database } = opened.use(await startService(config, { logger, now: () => now }))
  const http = opened.use(new HttpConnections(CONNECTIONS))
  const parts = opened.move()
  return {
    url: `http://localhost:${port}`,
    database,
    http,
    async setClock(at) {
      now = at
      await freezeClock(database, new Date(at).toISOString())
    },
    setProcessClock(at) {
      now = at
    },
    linksTo: linksIn(sink),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** In a process that can be killed. @param alterations of the service */
export async function worldThatCrashes(postgresUrl: string, alterations: Alteration[] = []): Promise<World> {
  await using opened = new AsyncDisposableStack()
  // Else each start would be another issuer, as its port is another.
  const env = { ...SETTINGS, AUTH_PUBLIC_URL: 'http://localhost:8080' }
  const services = opened.use(await startServicesOnPostgres(postgresUrl, { env, alterations }))
  const http = opened.use(new HttpConnections(CONNECTIONS))
  const parts = opened.move()
  return {
    get url() {
      return services.urls[0]!
    },
    database: services.database,
    http,
    setClock: at => freezeClock(services.database, new Date(at).toISOString()),
    linksTo: linksIn(services.sink),
    crash: services,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** Takes letters out of the sink, so that looking for one stays fast however many there were. */
function linksIn(sink: SmtpSink): World['linksTo'] {
  const links = new Map<string, string[]>()
  return async email => {
    for (const { to, raw } of sink.letters.splice(0)) {
      const { text = '' } = await simpleParser(raw)
      const [, token] = /\/confirm\?token=(\S+)/.exec(text) ?? []
      if (token) links.set(to[0]!, [...new Set([...(links.get(to[0]!) ?? []), token])])
    }
    return links.get(email) ?? []
  }
}

const LONGEST_WAIT = 40_000 // milliseconds: a worker that was killed is noticed after some 10 seconds

/** Waits until the letter of a sign-up was sent. Where the address had an account, it holds no link. */
export async function receiveLetter(account: AccountModel, { database, linksTo }: World): Promise<void> {
  for (const deadline = Date.now() + LONGEST_WAIT; ; await pause(2)) {
    const { rows } = await sql<{ id: string; expiresAt: Date }>`
      select id, expires_at as "expiresAt" from confirmation_letter
      where account_id = ${account.id} and sign_up and sent_at is not null`.execute(database)
    const [letter] = rows
    if (letter) {
      const token = (await linksTo(account.email)).find(link => letterOf(link) === letter.id)
      account.letter = token === undefined ? undefined : { token, expiresAt: letter.expiresAt.getTime() }
      return
    }
    if (Date.now() > deadline) throw new Error(`no letter to ${account.email} was sent in ${LONGEST_WAIT / 1_000} s`)
  }
}

function letterOf(token: string): string {
  return uuidOf(Buffer.from(token.split('.')[1]!, 'base64url').subarray(0, 16))
}
