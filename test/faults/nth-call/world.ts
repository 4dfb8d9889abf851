import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { CompiledQuery } from 'kysely'
import { pino } from 'pino'
import { DeviceLinks } from '../../../src/accounts/device-link.ts'
import { readConfig } from '../../../src/config.ts'
import { LetterTokens } from '../../../src/confirmation/letters/letter-token.ts'
import { KeyRing } from '../../../src/secrets/key-ring.ts'
import { secretKeyOf } from '../../../src/secrets/secret-key-file.ts'
import { startService } from '../../../src/service.ts'
import { createDatabase } from '../../support/postgres.ts'
import { emptyDirectory } from '../../support/process.ts'
import { fillDataDirectory, SECRET_KEY, type SignedUp, send, signUp } from '../../support/service.ts'
import { openSmtpSink } from '../../support/smtp-sink.ts'

/** The service in this process, what scenarios need of it, and a look into its database. */
export type World = AsyncDisposable & {
  url: string
  query<Row>(text: string, values?: unknown[]): Promise<Row[]>
  /** A sign-up, and the token of its letter. */
  signedUp(): Promise<SignedUp & { token: string }>
  confirmed(): Promise<SignedUp>
  /** A device link of a confirmed account, as its email has it. */
  deviceLink(): Promise<{ email: string; linkId: string; token: string }>
}

/** @param postgresUrl the server to use; without, the embedded database */
export async function openWorld(postgresUrl?: string): Promise<World> {
  await using opened = new AsyncDisposableStack()
  const directory = opened.use(await emptyDirectory())
  const database = postgresUrl === undefined ? undefined : opened.use(await createDatabase(postgresUrl))
  if (!database) await fillDataDirectory(directory.path)
  const sink = opened.use(await openSmtpSink())
  const config = readConfig({
    AUTH_PORT: '0',
    AUTH_METRICS_LISTEN: 'off',
    AUTH_DATA_DIR: directory.path,
    ...(database && { AUTH_DATABASE_URL: database.url, AUTH_SECRET_KEY: SECRET_KEY }),
    AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
    AUTH_RATE_LIMITS: 'off',
  })
  const service = opened.use(await startService(config, { logger: pino({ level: 'silent' }) }))
  const url = `http://localhost:${service.port}`
  const keys = database ? KeyRing.parse(SECRET_KEY) : secretKeyOf(directory.path, { isNew: false })
  const tokens = new LetterTokens(keys.for('letter-token'))
  const links = new DeviceLinks(keys.for('device-link'))
  const query: World['query'] = async <Row>(text: string, values: unknown[] = []) =>
    (await service.database.executeQuery<Row>(CompiledQuery.raw(text, values))).rows

  const signedUp = async () => {
    const account = await signUp({ url })
    return { ...account, token: tokens.make(await letterOf(query, account.id)) }
  }
  const confirmed = async () => {
    const { token, ...account } = await signedUp()
    const { status, text } = await send(`${url}/v1/confirmations`, { json: { token, ticket: account.ticket } })
    if (status !== 200) throw new Error(`confirming answered ${status}: ${text}`)
    return account
  }
  const deviceLink = async () => {
    const { id, email } = await confirmed()
    const linkId = randomUUID()
    await query('insert into device_link (email, request_id, link_id, account_id) values ($1, $2, $2, $3)', [
      email,
      linkId,
      id,
    ])
    return { email, linkId, token: links.make(linkId) }
  }
  const parts = opened.move()
  return { url, query, signedUp, confirmed, deviceLink, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}

const PATIENCE = 30_000 // milliseconds

async function letterOf(query: World['query'], accountId: string): Promise<string> {
  for (const deadline = Date.now() + PATIENCE; Date.now() < deadline; await pause(5)) {
    const [letter] = await query<{ id: string }>(
      'select id from confirmation_letter where account_id = $1 and sent_at is not null',
      [accountId],
    )
    if (letter) return letter.id
  }
  throw new Error(`no letter was sent within ${PATIENCE / 1_000} s`)
}
