import { availableParallelism } from 'node:os'
import { VERSION } from '../../../src/version.ts'
import { seedSessions } from '../../../test/measuring/seeded-sessions.ts'
import { SECRET_KEY } from '../../../test/support/service.ts'
import type { Place, Running, Subject } from '../subject.ts'
import { addPeople } from './people.ts'
import { startService } from './service-process.ts'
import { addUnconfirmed } from './unconfirmed.ts'

/** This service, as one process on PostgreSQL. */
export const authService: Subject = {
  name: 'this service',
  adapter: { name: 'auth-service' },
  version: () => VERSION,
  setUp:
    'Defaults, apart from `AUTH_LOG_LEVEL=error`, a mail server that drops what it gets, and limits by network off. ' +
    `Hashes run at once: ${Math.max(1, Math.min(availableParallelism() - 1, 3))}, as the number of cores has it.`,
  start,
}

async function start({ databaseUrl, directory, smtpUrl }: Place): Promise<Running> {
  const service = await startService({
    AUTH_DATABASE_URL: databaseUrl,
    AUTH_SECRET_KEY: SECRET_KEY,
    AUTH_DATA_DIR: directory,
    AUTH_SMTP_URL: smtpUrl,
    AUTH_RATE_LIMITS: 'off',
    AUTH_LOG_LEVEL: 'error',
  })
  return {
    url: service.url,
    pid: service.pid,
    startTime: service.startTime,
    addPeople: count => addPeople({ url: service.url, databaseUrl }, count),
    addUnconfirmed: count => addUnconfirmed(databaseUrl, count),
    openSessions: count => seedSessions({ databaseUrl }, count),
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  }
}
