import { seedSessions } from '../../../measuring/seeded-sessions.ts'
import type { Alteration } from '../../../support/altered-source.ts'
import { createDatabase } from '../../../support/postgres.ts'
import { emptyDirectory, ServiceProcess } from '../../../support/process.ts'
import { SECRET_KEY, send } from '../../../support/service.ts'
import { openSmtpSink } from '../../../support/smtp-sink.ts'
import { CuttingProxy } from '../cutting-proxy.ts'

/** The service in a process of its own, whose way to the database can be cut, with sessions that refresh. */
export async function openProxiedService(
  postgresUrl: string,
  { sessions, alterations = [] }: { sessions: number; alterations?: Alteration[] },
) {
  await using opened = new AsyncDisposableStack()
  const database = opened.use(await createDatabase(postgresUrl))
  const directory = opened.use(await emptyDirectory())
  const sink = opened.use(await openSmtpSink())
  const proxy = opened.use(await CuttingProxy.inFrontOf(database.url))
  const service = opened.use(
    new ServiceProcess(
      {
        AUTH_DATA_DIR: directory.path,
        AUTH_DATABASE_URL: proxy.urlOf(database.url),
        AUTH_SECRET_KEY: SECRET_KEY,
        AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
        AUTH_RATE_LIMITS: 'off',
      },
      [],
      alterations,
    ),
  )
  const url = await service.started()
  const tokens = await seedSessions({ databaseUrl: database.url }, sessions)

  /** Exchanges the token of a session. @returns the status, or `none` when no response came within that time */
  async function refresh(index: number, within: number): Promise<number | 'none'> {
    const form = { grant_type: 'refresh_token', refresh_token: tokens[index]! }
    const response = await send(`${url}/oauth2/token`, { form, signal: AbortSignal.timeout(within) }).catch(
      () => undefined,
    )
    if (response?.status === 200) tokens[index] = response.body.refresh_token
    return response?.status ?? 'none'
  }
  const parts = opened.move()
  return {
    url,
    proxy,
    sink,
    databaseUrl: database.url,
    tokens,
    refresh,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}
