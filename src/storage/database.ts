import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Dialect,
  Kysely,
  type KyselyPlugin,
  PGliteDialect,
  type PGliteDialectConfig,
  type Transaction,
} from 'kysely'

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

/** The database that a dialect leads to, guarded by {@link refuseInsideTransaction}. */
export const databaseOver = (dialect: Dialect): Database => new Kysely<Tables>({ dialect, plugins: [guard] })

/** @param pglite an open PGlite; closed by whoever opened it. */
export function embeddedDatabase(pglite: NonNullable<PGliteDialectConfig['pglite']>): Database {
  return databaseOver(new PGliteDialect({ pglite }))
}

/** The SQLSTATE of a database error, the same on both databases; undefined for any other error. */
export function errorCode(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined
}
