import pg from 'pg'
import { connectError, endsConnection, UnavailableError } from './unavailable.ts'

// milliseconds; after them the server gives back the locks of a client that it has lost
const LONGEST_PAUSE_IN_TRANSACTION = 10_000
const TIMER_PRECISION = 2 // milliseconds by which a timer may come early
const LONGEST_GOODBYE = 250 // milliseconds; a server that is lost never closes its side, and a stop waits for each pool

/**
 * What statements rely on in a session, whatever a database or a role has for its defaults. Judging and changing a row in
 * one statement needs READ COMMITTED, in which a statement that has waited for a lock sees what the other one wrote; pg
 * reads times in ISO alone; and texts of migrations hold backslashes.
 */
export const RELIED_ON = {
  default_transaction_isolation: 'read committed',
  datestyle: 'ISO',
  standard_conforming_strings: 'on',
}

/** Is told of a wait for the database that was given up. */
export type OnMissedDeadline = (what: 'database_query' | 'database_connect' | 'database_pool') => void

/**
 * A connection on which nothing waits for ever: a query that takes longer than `query_timeout` destroys it.
 *
 * pg's own timeout only rejects the promise and leaves the connection usable, although it may be dead, and although the
 * result may still arrive and would then be taken for that of the next query. Emits `lost` then.
 *
 * When it connects it refuses a server that accepts no writes, so that after a failover no connection to the old primary
 * is made again, and tells whether a connection pooler stands between.
 */
export class BoundedClient extends pg.Client {
  /**
   * Whether the server session is this connection's own. Behind a pooler such as PgBouncer each transaction may meet
   * another one: nothing may be left in a session, neither settings nor prepared statements.
   */
  isDirect = false
  readonly #deadline: number
  readonly #connectDeadline: number
  readonly #statementTimeout: number
  readonly #onMissedDeadline: OnMissedDeadline
  /** Runs on between queries: to set and clear one for each query would cost more than to look when it is over. */
  #timer: NodeJS.Timeout | undefined
  /** When the last query was sent, in milliseconds of a clock that nobody sets; undefined once it has ended. One is sent at a time. */
  #queriedAt: number | undefined
  #isSpent = false
  #hasEnded = false

  /**
   * @param config.query_timeout milliseconds that a query may take; 0 for no limit
   * @param config.session_statement_timeout the server's own limit, in milliseconds, for a session that is our own. It is
   *   the shorter of the two, so that a statement that waits for a lock does not go on in the server when the client has
   *   given up. (pg would send `statement_timeout` at the start, which PgBouncer refuses.)
   * @param config.onMissedDeadline is told when the database did not answer in time
   */
  constructor(
    config: pg.ClientConfig & { session_statement_timeout?: number; onMissedDeadline?: OnMissedDeadline } = {},
  ) {
    super({ ...config, query_timeout: 0 })
    this.#deadline = config.query_timeout ?? 0
    this.#connectDeadline = config.connectionTimeoutMillis || Number.POSITIVE_INFINITY
    this.#onMissedDeadline = config.onMissedDeadline ?? (() => {})
    this.#statementTimeout = config.session_statement_timeout ?? 0
    // Whoever uses the connection is told by the failing query; an error event without a listener ends the process.
    this.on('error', () => {})
    this.on('drain', () => {
      this.#queriedAt = undefined
    })
    this.on('end', () => {
      this.#hasEnded = true
      clearTimeout(this.#timer)
    })
    this.connection.on('errorMessage', ({ code }: { code?: string }) => {
      this.#isSpent ||= endsConnection(code)
    })
  }

  /** Whether the server has said something after which the next connection should be a new one. */
  get isSpent(): boolean {
    return this.#isSpent
  }

  // biome-ignore lint/suspicious/noExplicitAny: the pool, which alone calls it, passes a callback
  override connect(callback?: any): any {
    const began = performance.now()
    // The pool, and pg itself, end an attempt that takes too long, each by an error that tells little.
    const noteFailure = () => {
      if (performance.now() - began > this.#connectDeadline - TIMER_PRECISION)
        this.#onMissedDeadline('database_connect')
    }
    super.connect((error: Error | null) => {
      if (error) {
        noteFailure()
        return callback(connectError(error))
      }
      this.#prepareSession().then(
        () => callback(null, this),
        reason => {
          noteFailure()
          void this.end() // the pool forgets a client that did not connect
          callback(connectError(reason))
        },
      )
    })
  }

  // biome-ignore lint/suspicious/noExplicitAny: pg describes it by a dozen overloads
  override query(text: any, values?: any, callback?: any): any {
    if (this.#deadline > 0 && !this.#hasEnded) {
      this.#queriedAt = performance.now()
      this.#timer ??= setTimeout(() => this.#watch(), this.#deadline)
    }
    return super.query(text, values, callback)
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  override end(callback?: any): any {
    const timer = setTimeout(() => this.connection.stream.destroy(), LONGEST_GOODBYE)
    this.once('end', () => clearTimeout(timer))
    timer.unref()
    return super.end(callback)
  }

  /** As the server, or the pooler, announced it. */
  get #processId(): number {
    return (this as unknown as { processID: number }).processID
  }

  /** Destroys the connection, without a word to a server that does not answer. */
  giveUp(): void {
    this.connection.stream.destroy(new UnavailableError('the database did not answer in time'))
  }

  async #prepareSession(): Promise<void> {
    const { rows } = await this.query(
      `select current_setting('transaction_read_only') = 'on' as "isReadOnly", pg_backend_pid() = $1::int as "isDirect",
        case when pg_backend_pid() = $1::int then set_config('statement_timeout', $2, false)
          || set_config('idle_in_transaction_session_timeout', $3, false)
          || set_config('auth_service.session', 'own', false)
          || (select string_agg(set_config(key, value, false), '') from json_each_text($4)) end`,
      [
        this.#processId,
        String(this.#statementTimeout),
        String(LONGEST_PAUSE_IN_TRANSACTION),
        JSON.stringify(RELIED_ON),
      ],
    )
    const [{ isReadOnly, isDirect }] = rows
    if (isReadOnly) throw new UnavailableError('the database server accepts no writes: it is a standby, or read-only')
    this.isDirect = isDirect
  }

  #watch(): void {
    this.#timer = undefined
    const queriedAt = this.#queriedAt
    if (queriedAt === undefined || this.#hasEnded) return
    const left = queriedAt + this.#deadline - performance.now()
    if (left > 0) this.#timer = setTimeout(() => this.#watch(), Math.ceil(left))
    else this.#missDeadline(queriedAt)
  }

  #missDeadline(queriedAt: number): void {
    // After a stall of this process the timer comes before the data that has arrived meanwhile; that is read first.
    setImmediate(() => {
      if (this.#hasEnded || this.#queriedAt !== queriedAt) return
      this.#onMissedDeadline('database_query')
      this.giveUp()
      this.emit('lost')
    })
  }
}
