import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from 'pino'
import type { BoundedClient, OnMissedDeadline } from './bounded-client.ts'
import { errorCode } from './database.ts'
import { UnavailableError } from './unavailable.ts'

const CONNECT_AGAIN_AFTER = 250 // milliseconds

/**
 * A pool that makes nobody wait for a database that is known not to answer.
 *
 * Once a query or a new connection had no answer in time, idle connections are given up and whoever asks for one is
 * refused at once, until a new connection, which is tried all the time, is made. Otherwise each of the requests in a
 * queue, and each of the queries of a request, would wait for a deadline of its own.
 */
export class FailFastPool extends pg.Pool {
  readonly #logger: Logger
  readonly #onMissedDeadline: OnMissedDeadline
  readonly #idle = new Set<BoundedClient>()
  #isLost = false

  constructor(options: pg.PoolConfig & { onMissedDeadline: OnMissedDeadline }, logger: Logger) {
    super(options)
    this.#onMissedDeadline = options.onMissedDeadline
    this.#logger = logger
    // Without a listener, an idle connection that the server drops would end the process.
    this.on('error', error => logger.warn({ code: errorCode(error), err: error }, 'a database connection was lost'))
    this.on('connect', client => bounded(client).once('lost', () => this.#lose()))
    this.on('acquire', client => void this.#idle.delete(bounded(client)))
    this.on('remove', client => void this.#idle.delete(bounded(client)))
    this.on('release', (_error, client) => {
      // The pool would keep a connection whose query failed; it asks about its end next.
      if (bounded(client).isSpent) void bounded(client).end()
      else this.#idle.add(bounded(client))
    })
  }

  // biome-ignore lint/suspicious/noExplicitAny: pg describes it by overloads, of which Kysely uses this one
  override async connect(): Promise<any> {
    if (this.#isLost) throw new UnavailableError('the database does not answer')
    try {
      return await super.connect()
    } catch (error) {
      if (isConnectTimeout(error)) this.#lose()
      if (isPoolTimeout(error)) this.#onMissedDeadline('database_pool')
      throw error
    }
  }

  /** Gives up what is still being asked: whoever ends the pool has waited for all that mattered. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  override end(callback?: any): any {
    // Those that are still connecting the pool keeps to itself, and would wait for.
    const { _clients: all } = this as unknown as { _clients: pg.PoolClient[] }
    for (const client of [...all].map(bounded)) if (!this.#idle.has(client)) client.giveUp()
    return super.end(callback)
  }

  #lose(): void {
    if (this.#isLost) return
    this.#isLost = true
    this.#logger.warn('the database does not answer; requests are refused until it does')
    for (const client of this.#idle) client.giveUp()
    void this.#findAgain()
  }

  async #findAgain(): Promise<void> {
    while (!this.ending)
      try {
        const client = await super.connect()
        client.release()
        this.#isLost = false
        this.#logger.info('the database answers again')
        return
      } catch {
        await pause(CONNECT_AGAIN_AFTER, undefined, { ref: false })
      }
  }
}

const bounded = (client: pg.PoolClient) => client as unknown as BoundedClient

// Not that of the pool itself, whose connections are all in use: that is load.
const isConnectTimeout = (error: unknown) =>
  error instanceof Error && /^Connection terminated due to connection timeout|^timeout expired/.test(error.message)

const isPoolTimeout = (error: unknown) =>
  error instanceof Error && /^timeout exceeded when trying to connect/.test(error.message)
