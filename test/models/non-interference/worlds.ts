import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { pino } from 'pino'
import { readConfig } from '../../../src/config.ts'
import { releaseHeldLetters } from '../../../src/confirmation/letters/letter-limits.ts'
import { deleteOutlived } from '../../../src/housekeeping.ts'
import { createLogger } from '../../../src/log.ts'
import { type Service, startService } from '../../../src/service.ts'
import type { Database } from '../../../src/storage/database.ts'
import { postgresDatabase } from '../../../src/storage/postgres.ts'
import { freezeClock } from '../../support/database.ts'
import { HttpConnections } from '../../support/http-connections.ts'
import { createDatabase } from '../../support/postgres.ts'
import { emptyDirectory } from '../../support/process.ts'
import { SECRET_KEY } from '../../support/service.ts'
import { openSmtpSink, type SmtpSink } from '../../support/smtp-sink.ts'
import { type Route, routesRegisteredDuring } from './routes.ts'
import type { MailRule } from './steps.ts'

/** Its origin, as the services are told: ports would tell worlds apart. */
export const ORIGIN = 'http://localhost:8080'
const LONGEST_WAIT = 30_000 // milliseconds
const LOOKS_AGAIN_AFTER = 8 // milliseconds
const CONNECTIONS = 8
/** What the mail server says to RCPT TO with the address. */
const RULES: Record<MailRule, string | undefined> = {
  'takes emails to the address': undefined,
  'refuses the address': '550 5.1.1 no such mailbox',
  'defers emails to the address': '451 4.2.1 try again later',
  'says that the mailbox is full': '552 5.2.2 mailbox full',
  'takes none to the address by its policy': '550 5.7.1 not accepted',
}
/** Tables that hold nothing of what anybody did. */
const KEPT = ['migration', 'secret_key', 'pepper', 'signing_key', 'write_probe']

/**
 * A service of its own, on a database, a mail server and a clock of its own, in which a stranger tries one sequence
 * after the other.
 */
export class World implements AsyncDisposable {
  readonly name: string
  readonly url: string
  readonly sink: SmtpSink
  readonly http: HttpConnections
  readonly routes: Route[]
  /** On connections of its own: those of the service give up early. */
  readonly database: Database
  readonly #service: Service
  readonly #clock: { now: number }
  readonly #opened: AsyncDisposableStack
  #mayBeDegraded = false

  private constructor(parts: {
    name: string
    service: Service
    routes: Route[]
    database: Database
    sink: SmtpSink
    http: HttpConnections
    clock: { now: number }
    opened: AsyncDisposableStack
  }) {
    this.name = parts.name
    this.url = `http://127.0.0.1:${parts.service.port}`
    this.#service = parts.service
    this.routes = parts.routes
    this.database = parts.database
    this.sink = parts.sink
    this.http = parts.http
    this.#clock = parts.clock
    this.#opened = parts.opened
  }

  static async open(name: string, postgresUrl: string): Promise<World> {
    await using opened = new AsyncDisposableStack()
    const directory = opened.use(await emptyDirectory())
    const sink = opened.use(await openSmtpSink())
    const { url } = opened.use(await createDatabase(postgresUrl))
    const clock = { now: Date.now() }
    const config = readConfig({
      AUTH_HOST: '127.0.0.1',
      AUTH_PORT: '0',
      AUTH_PUBLIC_URL: ORIGIN,
      AUTH_METRICS_LISTEN: 'off',
      AUTH_DATA_DIR: directory.path,
      AUTH_DATABASE_URL: url,
      AUTH_SECRET_KEY: SECRET_KEY,
      AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
      AUTH_TRUST_PROXY: '127.0.0.1',
    })
    const logger = createLogger('silent', { write: () => {} })
    const { result: service, routes } = await routesRegisteredDuring(() =>
      startService(config, { logger, now: () => clock.now }),
    )
    opened.use(service)
    const database = postgresDatabase(url, pino({ level: 'silent' }), { connections: 2 })
    opened.defer(() => database.destroy())
    const http = opened.use(new HttpConnections(CONNECTIONS))
    return new World({ name, service, routes, database, sink, http, clock, opened: opened.move() })
  }

  get now(): number {
    return this.#clock.now
  }

  /** Sets the clock of the process, and that which stored lifetimes are judged by. Milliseconds. */
  async setClock(now: number): Promise<void> {
    this.#clock.now = now
    await freezeClock(this.database, new Date(now).toISOString())
  }

  /** Moves the clock ahead, and does what comes due by then. */
  async pass(seconds: number): Promise<void> {
    await this.setClock(this.now + 1_000 * seconds)
    await deleteOutlived({ database: this.database, auditRetention: 90 * 86_400 })
    do await releaseHeldLetters(this.#service)
    while (await this.settle())
  }

  /** Has messages that failed come again now: their pauses are measured by the real clock. */
  async retry(): Promise<void> {
    await sql`update pgboss.job set start_after = now() where state = 'retry'`.execute(this.database)
    await this.settle()
  }

  /**
   * Waits until every message has been handled. One that failed since the mail server does not take its email comes
   * again at {@link retry}; any other is waited for.
   * @returns whether there was any
   */
  async settle(): Promise<boolean> {
    for (const deadline = Date.now() + LONGEST_WAIT, waited = { any: false }; ; await pause(LOOKS_AGAIN_AFTER)) {
      const { rows } = await sql<{ open: number; failed: number }>`
        select count(*) filter (where state <> 'retry' or start_after <= now())::int as open,
          count(*) filter (where state = 'retry' and start_after > now())::int as failed
        from pgboss.job where name !~ '^(__|parked)' and state in ('active', 'created', 'retry')`.execute(this.database)
      const { open, failed } = rows[0]!
      if (open === 0 && (failed === 0 || !this.#takesAll)) return waited.any
      waited.any = true
      if (open === 0) await sql`update pgboss.job set start_after = now() where state = 'retry'`.execute(this.database)
      if (Date.now() > deadline) throw new Error(`messages were not handled within ${LONGEST_WAIT / 1_000} s`)
    }
  }

  get #takesAll(): boolean {
    return Object.keys(this.sink.replies).length === 0
  }

  /** @param address that the mail server may have a rule for */
  setMail({ isDown, rule }: { isDown: boolean; rule: MailRule }, address: string): void {
    const closed = '421 4.3.2 closed'
    const reply = RULES[rule]
    if (isDown) this.#mayBeDegraded = true
    if (isDown) this.sink.replies = { connect: closed, MAIL: closed }
    else if (reply) this.sink.replies = { RCPT: line => (line.toLowerCase().includes(address) ? reply : undefined) }
    else this.sink.replies = {}
  }

  /** Forgets everything but the keys. @throws Error when the service is not ready for what comes */
  async clear(): Promise<void> {
    this.sink.replies = {}
    if (this.#mayBeDegraded) await this.#untilMailIsOk()
    await sql`delete from pgboss.job`.execute(this.database)
    await this.settle()
    const { rows } = await sql<{ name: string }>`
      select table_name as name from information_schema.tables
      where table_schema = 'public' and table_type = 'BASE TABLE' and not table_name = any(${KEPT})`.execute(
      this.database,
    )
    const tables = sql.join(rows.map(({ name }) => sql.table(name)))
    await sql`truncate ${tables}`.execute(this.database)
    // A key that began to sign now would not have signed yet in the life of an owner, a year ago.
    await sql`update signing_key set signs_from = '2000-01-01' where signs_from > '2000-01-01'`.execute(this.database)
    this.sink.letters = []
    const { status, text } = await this.http.get(`${this.url}/readyz`)
    if (status !== 200) throw new Error(`the world "${this.name}" would show only that nothing works in it: ${text}`)
  }

  // A probe is made after ever longer pauses; an email that is taken shows it at once.
  async #untilMailIsOk(): Promise<void> {
    const json = { email: 'probe@example.com', password: 'a long enough password' }
    await this.http.post(`${this.url}/v1/accounts`, { json })
    await this.retry()
    this.#mayBeDegraded = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync()
  }
}
