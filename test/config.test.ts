import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readConfig } from '../src/config.ts'
import type { SETTINGS } from '../src/setting-names.ts'

const KEY = `k1:${Buffer.alloc(32, 1).toString('base64')}`

/** Every setting at once, as in production. */
const ALL: Record<keyof typeof SETTINGS, string> = {
  AUTH_HOST: '0.0.0.0',
  AUTH_PORT: '443',
  AUTH_PUBLIC_URL: 'https://auth.example.com',
  AUTH_APP_URL: 'https://app.example.com/start',
  AUTH_ALLOWED_ORIGINS: 'https://app.example.com, https://admin.example.com:8443',
  AUTH_CLIENT_ID: 'app',
  AUTH_AUDIENCE: 'https://api.example.com',
  AUTH_DATA_DIR: '/var/lib/auth',
  AUTH_DATABASE_URL: 'postgresql://auth:secret@db.example.com/auth',
  AUTH_SMTP_URL: 'smtps://user:p%40ss@mail.example.com',
  AUTH_SMTP_CONNECTIONS: '20',
  AUTH_MAIL_FROM: 'Example <no-reply@example.com>',
  AUTH_CONFIRM_URL: 'https://app.example.com/confirm',
  AUTH_DEVICE_URL: 'https://app.example.com/device',
  AUTH_SECRET_KEY: `${KEY}, ${KEY.replace('k1', 'k0')}`,
  AUTH_MODULES: 'accounts,confirmation',
  AUTH_ACCESS_TOKEN_TTL: '10m',
  AUTH_REFRESH_IDLE_TTL: '7d',
  AUTH_SESSION_TTL: '365d',
  AUTH_SESSIONS_PER_ACCOUNT: '10000',
  AUTH_REFRESH_GRACE: '10s',
  AUTH_CONFIRMATION_TTL: '48h',
  AUTH_PASSWORD_MIN_LENGTH: '15',
  AUTH_SIGNING_ALG: 'EdDSA',
  AUTH_METRICS_LISTEN: '[::1]:9000',
  AUTH_METRICS_HOSTS: 'auth.internal, metrics',
  AUTH_TRUST_PROXY: '10.0.0.0/8,::1',
  AUTH_RATE_LIMITS: 'off',
  AUTH_AUDIT_RETENTION: '30d',
  AUTH_MAILBOX: 'on',
  AUTH_LOG_LEVEL: 'warn',
}

/** What the start would say, or nothing. */
function faultsOf(environment: Record<string, string>): string {
  try {
    readConfig(environment)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

describe('the settings', () => {
  test('need none to start', () => {
    const config = readConfig({})
    assert.deepEqual(config.listen, { host: 'localhost', port: 8080 })
    assert.deepEqual([...config.modules], ['accounts', 'confirmation'])
    assert.deepEqual([config.accessTokenTtl, config.refreshIdleTtl, config.sessionTtl], [300, 2_592_000, 15_552_000])
    assert.deepEqual([config.refreshGrace, config.confirmationTtl, config.passwordMinLength], [30, 86_400, 8])
    assert.deepEqual(config.mailFrom, { name: 'Auth service', address: 'no-reply@localhost' })
  })

  test('are all accepted', () => {
    assert.equal(faultsOf(ALL), '')
    const config = readConfig(ALL)
    assert.deepEqual(config.allowedOrigins, ['https://app.example.com', 'https://admin.example.com:8443'])
    assert.deepEqual(config.metricsListen, { host: '::1', port: 9000 })
    assert.deepEqual(config.secretKey?.ids, ['k1', 'k0'])
    assert.equal(config.rateLimits, false)
  })

  test('that are empty count as not set', () => {
    assert.equal(faultsOf(Object.fromEntries(Object.keys(ALL).map(name => [name, ' ']))), '')
  })

  test('are refused by name when they are wrong', () => {
    const wrong: [keyof typeof SETTINGS, string[]][] = [
      ['AUTH_PORT', ['x', '-1', '65536', '80.5', '0x50']],
      [
        'AUTH_PUBLIC_URL',
        ['auth.example.com', 'https://auth.example.com/path', 'ftp://x', 'https://u:p@x', 'https://x?y'],
      ],
      ['AUTH_APP_URL', ['javascript:alert(1)', '/start', 'https://x#y']],
      ['AUTH_ALLOWED_ORIGINS', ['*', 'null', 'https://x/y', 'app.example.com']],
      ['AUTH_CLIENT_ID', ['two words', 'ü']],
      ['AUTH_DATABASE_URL', ['mysql://x', 'x']],
      ['AUTH_SMTP_CONNECTIONS', ['0', '501', 'many']],
      ['AUTH_SMTP_URL', ['http://x', 'smtp://', 'smtp://x?tls=maybe']],
      ['AUTH_MAIL_FROM', ['nobody', 'A <a@b>, B <c@d>', 'A\r\nBcc: x@y.z <a@b.c>']],
      ['AUTH_SECRET_KEY', ['short', 'k1:c2hvcnQ=', `${KEY},${KEY}`, KEY.replace('k1', 'a b')]],
      ['AUTH_MODULES', ['mail', ',']],
      ['AUTH_ACCESS_TOKEN_TTL', ['300', '5', '1h', '0s', '5 m', '-5m']],
      ['AUTH_SESSIONS_PER_ACCOUNT', ['0', '10001', '-1', '1.5', 'many']],
      ['AUTH_REFRESH_GRACE', ['0s', '1d']],
      ['AUTH_PASSWORD_MIN_LENGTH', ['7', '65']],
      ['AUTH_SIGNING_ALG', ['HS256', 'none', 'es256']],
      ['AUTH_METRICS_LISTEN', ['9464', 'localhost', '127.0.0.1:99999']],
      ['AUTH_METRICS_HOSTS', ['auth.internal:9464', '*', 'https://auth.internal']],
      ['AUTH_TRUST_PROXY', ['true', '10.0.0.0/33', 'proxy', '::1/129', 'fe80::1%eth0']],
      ['AUTH_RATE_LIMITS', ['yes']],
      ['AUTH_AUDIT_RETENTION', ['0d', '90', 'for ever']],
      ['AUTH_MAILBOX', ['off']],
      ['AUTH_LOG_LEVEL', ['loud']],
    ]
    for (const [name, values] of wrong)
      for (const value of values) {
        const message = faultsOf({ ...ALL, [name]: value })
        assert.match(
          message,
          new RegExp(`^The settings have a fault\\.\\n\\n${name}\\n  Needed: .+\\n  Found:  .+\\n  Do:     .+`),
          value,
        )
      }
  })

  test('of an unknown name are refused, with the one that was meant', () => {
    assert.match(faultsOf({ AUTH_PUBLIC_URI: 'https://x' }), /did you mean AUTH_PUBLIC_URL\?/)
    assert.match(faultsOf({ AUTH_SOMETHING_ELSE_ENTIRELY: '1' }), /--help lists them all/)
    assert.equal(faultsOf({ OTHER: '1' }), '')
  })

  /** What Kubernetes adds for the Services auth and auth-db. */
  const LINKS = {
    AUTH_SERVICE_HOST: '10.0.0.1',
    AUTH_SERVICE_PORT: '8080',
    AUTH_SERVICE_PORT_HTTP: '8080',
    AUTH_PORT: 'tcp://10.0.0.1:8080',
    AUTH_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
    AUTH_PORT_8080_TCP_PROTO: 'tcp',
    AUTH_PORT_8080_TCP_PORT: '8080',
    AUTH_PORT_8080_TCP_ADDR: '10.0.0.1',
    AUTH_DB_SERVICE_HOST: 'fd00::1',
    AUTH_DB_SERVICE_PORT: '5432',
    AUTH_DB_PORT: 'tcp://[fd00::1]:5432',
    AUTH_DB_PORT_5432_TCP: 'tcp://[fd00::1]:5432',
  }

  test('leave service links of Kubernetes alone, and are read beside them', () => {
    const config = readConfig(LINKS)
    assert.equal(config.listen.port, 8080)
    assert.deepEqual(config.serviceLinks, Object.keys(LINKS))
    const own = readConfig({ ...LINKS, AUTH_PORT: '9000' })
    assert.equal(own.listen.port, 9000)
    assert.ok(!own.serviceLinks.includes('AUTH_PORT'))
    assert.deepEqual(readConfig(ALL).serviceLinks, [])
  })

  test('that look like service links are refused all the same, where there is no such service', () => {
    for (const [name, value] of Object.entries(LINKS)) assert.match(faultsOf({ [name]: value }), new RegExp(name))
    assert.match(
      faultsOf({ ...LINKS, AUTH_PROT: '9000' }),
      /^The settings have a fault\.\n\nAUTH_PROT\n.*\n.*\n.*mean AUTH_PORT/,
    )
    assert.match(faultsOf({ ...LINKS, AUTH_PORT: '80x' }), /AUTH_PORT/)
    assert.match(faultsOf({ ...LINKS, AUTH_SERVICE_URL: 'x' }), /AUTH_SERVICE_URL/)
  })
})
