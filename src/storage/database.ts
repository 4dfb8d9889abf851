import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Dialect,
  Kysely,
  type KyselyPlugin,
  PGliteDialect,
  type PGliteDialectConfig,
  PostgresDialect,
  type Transaction,
} from 'kysely'
import pg from 'pg'
import type { Logger } from 'pino'

/**
 * Every table of the service. Each area adds its own from its store, by declaration merging, so that a table is
 * described where it is used.
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by declaration merging
export interface Tables {}

/** What a store function takes first: the database, or the transaction that is open. */
export type Queryable = Kysely<Tables>
export type Database = Kysely<Tables>
export type DatabaseTransaction = Transaction<Tables>

/** Rows that one statement of the housekeeping deletes at the most, so that no transaction grows long. */
export const DELETED_AT_ONCE = 1_000

const openTransaction = new AsyncLocalStorage<true>()

/**
 * Throws when the caller is inside {@link inTransaction}.
 *
 * On PGlite, which has one connection, asking the database instead of the open transaction waits for ever; on
 * PostgreSQL it would quietly see other data. So both refuse.
 */
export function refuseInsideTransaction(): void {
  if (openTransaction.getStore())
    throw new Error('The database was asked while a transaction is open: pass the transaction instead')
}

const guard: KyselyPlugin = {
  transformQuery: ({ node }) => {
    refuseInsideTransaction()
    return node
  },
  transformResult: async ({ result }) => result,
}

/** Runs `work` in one transaction, READ COMMITTED. Throws when one is open already: transactions do not nest. */
export function inTransaction<T>(
  database: Database,
  work: (transaction: DatabaseTransaction) => Promise<T>,
): Promise<T> {
  refuseInsideTransaction()
  return openTransaction.run(true, () => database.withoutPlugins().transaction().execute(work))
}

const databaseOver = (dialect: Dialect): Database => new Kysely<Tables>({ dialect, plugins: [guard] })

/** @param pglite an open PGlite; closed by whoever opened it. */
export function embeddedDatabase(pglite: NonNullable<PGliteDialectConfig['pglite']>): Database {
  return databaseOver(new PGliteDialect({ pglite }))
}

const MOST_CONNECTIONS = 10

const POOL = {
  connectionTimeoutMillis: 5_000,
  statement_timeout: 30_000, // milliseconds; what waits longer for a lock has met a fault, and is answered with 503
  keepAlive: true,
}

/**
 * @param url a PostgreSQL connection URL
 * @param options.connections how many there are at the most. Each is made when first needed.
 * @param options.isPrepared whether each statement is prepared once a connection: for few that are sent all the time
 */
export function postgresDatabase(
  url: string,
  logger: Logger,
  { connections = MOST_CONNECTIONS, isPrepared = false } = {},
): Database {
  const Client = isPrepared ? PreparingClient : pg.Client
  const pool = new pg.Pool({ connectionString: url, max: connections, Client, ...POOL })
  // Without a listener, an idle connection that the server drops would end the process.
  pool.on('error', error => logger.warn({ code: errorCode(error) }, 'a database connection was lost'))
  // The pool listens to idle connections only, and one in use that is lost would end the process too. Whoever uses it
  // is told by the failing query.
  pool.on('connect', client => client.on('error', () => {}))
  return databaseOver(new PostgresDialect({ pool }))
}

/**
 * Prepares what it sends with parameters: PostgreSQL would otherwise parse and plan it anew each time, which for the
 * exchange of a few refresh tokens takes longer than the exchange.
 */
class PreparingClient extends pg.Client {
  readonly #names = new Map<string, string>()

  // biome-ignore lint/suspicious/noExplicitAny: pg describes it by a dozen overloads, of which Kysely uses this one
  override query(text: any, values?: any): any {
    if (typeof text !== 'string' || !Array.isArray(values)) return super.query(text, values)
    return super.query({ name: this.#nameOf(text), text, values })
  }

  #nameOf(text: string): string {
    const name = this.#names.get(text) ?? `statement ${this.#names.size + 1}`
    this.#names.set(text, name)
    return name
  }
}

/** The SQLSTATE of a database error, the same on both databases; undefined for any other error. */
export function errorCode(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined
}
