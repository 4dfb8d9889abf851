import pg from 'pg'
import type { Alteration } from '../../support/altered-source.ts'
import { createDatabase } from '../../support/postgres.ts'
import { emptyDirectory, ServiceProcess } from '../../support/process.ts'
import { newAddress, PASSWORD, SECRET_KEY, send } from '../../support/service.ts'
import { openSmtpSink, type SmtpSink, type SmtpSinkOptions } from '../../support/smtp-sink.ts'

/** The service in a process of its own, with a database and a mail server that nobody else uses. */
export type Stage = AsyncDisposable & {
  url: string
  service: ServiceProcess
  sink: SmtpSink
  databaseUrl: string
  /** Asks the database directly. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>
}

export type StageOptions = {
  postgresUrl: string
  env?: Record<string, string>
  alterations?: Alteration[]
  mailServer?: SmtpSinkOptions
  /** Where the service looks for its mail server, when that is not the sink's own address. */
  smtpUrl?: (sink: SmtpSink) => string
}

export async function openStage(options: StageOptions): Promise<Stage> {
  const { postgresUrl, env = {}, alterations = [], mailServer = {} } = options
  const smtpUrl = options.smtpUrl ?? (({ port }: SmtpSink) => `smtp://127.0.0.1:${port}`)
  await using opened = new AsyncDisposableStack()
  const directory = opened.use(await emptyDirectory())
  const { url: databaseUrl } = opened.use(await createDatabase(postgresUrl))
  const sink = opened.use(await openSmtpSink(mailServer))
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 })
  pool.on('error', () => {}) // the server may be made to drop it
  opened.defer(() => pool.end())
  const service = opened.use(
    new ServiceProcess(
      {
        AUTH_DATA_DIR: directory.path,
        AUTH_DATABASE_URL: databaseUrl,
        AUTH_SECRET_KEY: SECRET_KEY,
        AUTH_SMTP_URL: smtpUrl(sink),
        AUTH_RATE_LIMITS: 'off',
        ...env,
      },
      [],
      alterations,
    ),
  )
  const url = await service.started()
  const parts = opened.move()
  return {
    url,
    service,
    sink,
    databaseUrl,
    query: async (text, values) => (await pool.query(text, values)).rows,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** What a sign-up came to: `unknown` where no answer arrived. */
export type SignUpAttempt = {
  email: string
  outcome: 'ok' | 'failed' | 'unknown'
  status: number
  /** The code of the problem document, if it was one. */
  code: string | undefined
  id: string | undefined
  ticket: string | undefined
  /** Milliseconds since the epoch. */
  began: number
  milliseconds: number
}

const LONGEST_ANSWER = 40_000 // milliseconds; a statement ends after 30 seconds

export async function trySignUp(url: string, email = newAddress()): Promise<SignUpAttempt> {
  const began = Date.now()
  const clock = performance.now()
  const answer = await send(`${url}/v1/accounts`, {
    json: { email, password: PASSWORD },
    signal: AbortSignal.timeout(LONGEST_ANSWER),
  }).catch(() => undefined)
  return {
    email,
    outcome: !answer ? 'unknown' : answer.status === 201 ? 'ok' : 'failed',
    status: answer?.status ?? 0,
    code: answer?.body?.code,
    id: answer?.body?.id,
    ticket: answer?.body?.confirmation?.ticket,
    began,
    milliseconds: performance.now() - clock,
  }
}

export type LetterState = 'queued' | 'sent' | 'undeliverable' | 'confirmed' | 'expired'

/** What the person who signed up is told of the letter. */
export async function letterStateOf(url: string, ticket: string): Promise<LetterState> {
  const { body } = await send(`${url}/v1/confirmation`, { headers: { authorization: `Bearer ${ticket}` } })
  return body.state
}

/** Whether the message that asks for the letter of a sign-up is to come again, or has. */
export async function isDeferred(stage: Pick<Stage, 'query'>, accountId: string): Promise<boolean> {
  const rows = await stage.query(
    `select 1 from pgboss.job where name = 'account.created' and data->>'account_id' = $1
      and (state = 'retry' or retry_count > 0)`,
    [accountId],
  )
  return rows.length > 0
}
