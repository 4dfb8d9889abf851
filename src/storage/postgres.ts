import { PostgresDialect } from 'kysely'
import type { Logger } from 'pino'
import { BoundedClient, type OnMissedDeadline } from './bounded-client.ts'
import { type Database, databaseOver } from './database.ts'
import { FailFastPool } from './fail-fast-pool.ts'
import { PreparingClient } from './preparing-client.ts'

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
 * @param longestQuery milliseconds; 0 for no limit
 */
export function postgresConnections(
  url: string,
  longestQuery: number,
  { work = 'request', onMissedDeadline = () => {} }: { work?: Work; onMissedDeadline?: OnMissedDeadline } = {},
) {
  return {
    connectionString: url,
    Client: BoundedClient,
    connectionTimeoutMillis: LONGEST_WAIT_FOR_CONNECTION[work],
    query_timeout: longestQuery,
    session_statement_timeout: Math.max(0, longestQuery - SERVER_ENDS_EARLIER),
    onMissedDeadline,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  }
}

/**
 * @param url a PostgreSQL connection URL
 * @param options.connections how many there are at the most. Each is made when first needed.
 */
export function postgresDatabase(
  url: string,
  logger: Logger,
  {
    connections = MOST_CONNECTIONS,
    ...context
  }: { connections?: number; work?: Work; onMissedDeadline?: OnMissedDeadline } = {},
): Database {
  const options = {
    ...postgresConnections(url, LONGEST_QUERY[context.work ?? 'request'], context),
    max: connections,
    Client: PreparingClient,
  }
  const pool = new FailFastPool(options, logger)
  return databaseOver(new PostgresDialect({ pool }))
}
