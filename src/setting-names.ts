/** Every setting, its default in words, and what it means; `--help` prints it. */
export const SETTINGS = {
  AUTH_HOST: ['localhost (both families)', 'where it listens'],
  AUTH_PORT: ['8080', 'the port; 0 takes any free one and prints it'],
  AUTH_PUBLIC_URL: ['http://localhost:<port>', 'its origin in links and as iss; required, and https, off loopback'],
  AUTH_APP_URL: ['none', 'the application that the pages lead on to'],
  AUTH_ALLOWED_ORIGINS: ['none', 'origins, by commas, that may call /v1 and /oauth2 from a browser'],
  AUTH_CLIENT_ID: ['default', 'client_id of access tokens'],
  AUTH_AUDIENCE: ['the public URL', 'aud of access tokens'],
  AUTH_DATA_DIR: ['./data', 'the embedded database and mailbox, the generated secret key'],
  AUTH_DATABASE_URL: ['none: embedded PGlite', 'PostgreSQL 15 or newer; off loopback with TLS unless sslmode=disable'],
  AUTH_SMTP_URL: ['none: the embedded mailbox', 'smtps://…, or smtp://user:pass@host:587 with STARTTLS'],
  AUTH_SMTP_CONNECTIONS: ['50', 'connections to the mail server at the most, two of which only ask; below 4 means 4'],
  AUTH_MAIL_FROM: ['Auth service <no-reply@localhost>', 'the sender of letters'],
  AUTH_CONFIRM_URL: ['<public url>/confirm', 'the page that a confirmation link opens'],
  AUTH_DEVICE_URL: ['<public url>/device', 'the page that a device link opens'],
  AUTH_SECRET_KEY: [
    'generated into the data directory',
    'id:base64 of 32 bytes; several by commas, the first makes, one that ends in :retired verifies nothing',
  ],
  AUTH_MODULES: ['accounts,confirmation', 'which modules this process runs; a split needs AUTH_DATABASE_URL'],
  AUTH_ACCESS_TOKEN_TTL: ['5m', 'lifetime of an access token'],
  AUTH_REFRESH_IDLE_TTL: ['30d', 'a session that is not used for so long ends'],
  AUTH_SESSION_TTL: ['180d', 'a session ends after so long in any case'],
  AUTH_SESSIONS_PER_ACCOUNT: ['100', 'live sessions of an account; one more ends the one idle for the longest'],
  AUTH_REFRESH_GRACE: ['30s', 'how long a refresh token that was traded in still gets the same successor'],
  AUTH_CONFIRMATION_TTL: ['24h', 'how long a confirmation link is good, from its sending'],
  AUTH_PASSWORD_MIN_LENGTH: ['8', 'in code points; NIST asks for 15 where it is the only factor'],
  AUTH_SIGNING_ALG: ['ES256', 'or EdDSA, RS256'],
  AUTH_METRICS_LISTEN: ['127.0.0.1:9464', 'Prometheus, apart from the public port; off'],
  AUTH_METRICS_HOSTS: ['none', 'names, by commas, that metrics answer to besides IP addresses and localhost'],
  AUTH_TRUST_PROXY: ['none', 'addresses or CIDR ranges, by commas, whose x-forwarded-for is believed'],
  AUTH_RATE_LIMITS: ['on', 'off ends the limits by network and of successful sign-ins'],
  AUTH_AUDIT_RETENTION: ['90d', 'how long events are kept'],
  AUTH_MAILBOX: ['on loopback without AUTH_SMTP_URL', 'on forces the embedded mailbox'],
  AUTH_LOG_LEVEL: ['info', 'fatal, error, warn, info, debug, trace or silent'],
} as const satisfies Record<`AUTH_${string}`, readonly [string, string]>

/** What to say about a setting of an unknown name. */
export function suggestionFor(name: string): string {
  const nearest = Object.keys(SETTINGS)
    .map(known => ({ known, distance: editDistance(name, known) }))
    .sort((a, b) => a.distance - b.distance)[0]!
  const guess = nearest.distance <= 4 ? `did you mean ${nearest.known}? ` : ''
  return `${guess}auth-service --help lists them all`
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1]
    for (let column = 1; column <= b.length; column++)
      next[column] = Math.min(
        row[column]! + 1,
        next[column - 1]! + 1,
        row[column - 1]! + (letter === b[column - 1] ? 0 : 1),
      )
    row = next
  }
  return row[b.length]!
}
