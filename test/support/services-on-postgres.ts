import { pino } from 'pino'
import type { Database } from '../../src/storage/database.ts'
import { postgresDatabase } from '../../src/storage/postgres.ts'
import type { Alteration } from './altered-source.ts'
import { createDatabase } from './postgres.ts'
import { emptyDirectory, ServiceProcess } from './process.ts'
import { SECRET_KEY } from './service.ts'
import { openSmtpSink, type SmtpSink } from './smtp-sink.ts'

export type ServicesOnPostgres = AsyncDisposable & {
  /** The origin of each process. */
  urls: string[]
  /** The database that they share, for what has no endpoint, such as its clock. */
  database: Database
  /** Where their letters go. */
  sink: SmtpSink
  /** Ends them without a chance to do anything. */
  kill(): Promise<void>
  /** Starts them anew, at other ports. */
  restart(): Promise<void>
}

/** The service in processes of its own, all on one new database, without limits by network. */
export async function startServicesOnPostgres(
  postgresUrl: string,
  {
    count = 1,
    env = {},
    alterations = [],
  }: { count?: number; env?: Record<string, string>; alterations?: Alteration[] } = {},
): Promise<ServicesOnPostgres> {
  await using opened = new AsyncDisposableStack()
  const { url: databaseUrl } = opened.use(await createDatabase(postgresUrl))
  const directory = opened.use(await emptyDirectory())
  const sink = opened.use(await openSmtpSink())
  const database = postgresDatabase(databaseUrl, pino({ level: 'silent' }))
  opened.defer(() => database.destroy())
  const settings = {
    AUTH_DATA_DIR: directory.path,
    AUTH_DATABASE_URL: databaseUrl,
    AUTH_SECRET_KEY: SECRET_KEY,
    AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
    AUTH_RATE_LIMITS: 'off',
    AUTH_SESSIONS_PER_ACCOUNT: '10000', // races share accounts
    AUTH_LOG_LEVEL: env.AUTH_PUBLIC_URL ? 'info' : 'silent', // a process logs where it listens
    ...env,
  }
  let processes: ServiceProcess[] = []
  const kill = async () => void (await Promise.all(processes.map(process => process[Symbol.asyncDispose]())))
  opened.defer(kill)
  const start = async () => {
    processes = Array.from({ length: count }, () => new ServiceProcess(settings, [], alterations))
    return Promise.all(processes.map(process => (env.AUTH_PUBLIC_URL ? process.listening() : process.started())))
  }
  const urls = await start()
  const parts = opened.move()
  const services: ServicesOnPostgres = {
    urls,
    database,
    sink,
    kill,
    async restart() {
      services.urls = await start()
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
  return services
}
