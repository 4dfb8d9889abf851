import { PostgresDialect } from 'kysely'
import type { Logger } from 'pino'
import { BoundedClient } from './bounded-client.ts'
import { type Database, databaseOver } from './database.ts'
import { FailFastPool } from './fail-fast-pool.ts'

const MOST_CONNECTIONS = 10

/**
 * Milliseconds that one query may take. Together with the wait for a connection it is below the 5 seconds within which a
 * request is to be answered.
 */
const LONGEST_QUERY = { request: 2_500, background: 30_000, migration: 0 }
/** Milliseconds that a connection is waited for, or made. Where no request waits, a busy machine has longer. */
const LONGEST_WAIT_FOR_CONNECTION = { request: 2_000, background: 5_000, migration: 5_000 }
const SERVER_ENDS_EARLIER = 500 // milliseconds

/** What a query is a part of, which decides how long it may take. Migrations have no limit. */
export type Work = keyof typeof LONGEST_QUERY

/**
 * How connections to PostgreSQL are made, for any pool of `pg`: nothing on them waits for ever.
 * @param url a PostgreSQL connection URL
 */
export function postgresConnections(url: string, longestQuery: number, work: Work = 'request') {
  return {
    connectionString: url,
    Client: BoundedClient,
    connectionTimeoutMillis: LONGEST_WAIT_FOR_CONNECTION[work],
    query_timeout: longestQuery,
    session_statement_timeout: Math.max(0, longestQuery - SERVER_ENDS_EARLIER),
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  }
}

/**
 * @param url a PostgreSQL connection URL
 * @param options.connections how many there are at the most. Each is made when first needed.
 * @param options.isPrepared whether each statement is prepared once a connection: for few that are sent all the time
 */
export function postgresDatabase(
  url: string,
  logger: Logger,
  {
    connections = MOST_CONNECTIONS,
    isPrepared = false,
    work = 'request',
  }: { connections?: number; isPrepared?: boolean; work?: Work } = {},
): Database {
  const options = { ...postgresConnections(url, LONGEST_QUERY[work], work), max: connections }
  const pool = new FailFastPool(isPrepared ? { ...options, Client: PreparingClient } : options, logger)
  return databaseOver(new PostgresDialect({ pool }))
}

/**
 * Prepares what it sends with parameters: PostgreSQL would otherwise parse and plan it anew each time, which for the
 * exchange of a few refresh tokens takes longer than the exchange.
 */
class PreparingClient extends BoundedClient {
  readonly #names = new Map<string, string>()

  // biome-ignore lint/suspicious/noExplicitAny: pg describes it by a dozen overloads, of which Kysely uses this one
  override query(text: any, values?: any): any {
    if (!this.isDirect || typeof text !== 'string' || !Array.isArray(values)) return super.query(text, values)
    return super.query({ name: this.#nameOf(text), text, values })
  }

  #nameOf(text: string): string {
    const name = this.#names.get(text) ?? `statement ${this.#names.size + 1}`
    this.#names.set(text, name)
    return name
  }
}
