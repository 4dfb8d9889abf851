import { CompiledQuery } from 'kysely'
import type { Database } from './database.ts'

/**
 * A write that leaves nothing behind: to lock a row is refused where writes are, is written to the log and synced like
 * one, and makes no dead row. When another process has the row at this moment, that one proves it.
 */
export const WRITE_PROBE = 'select id from write_probe for update skip locked'

/** Throws when the database cannot be reached or accepts no writes. */
export async function probeWrite(database: Database): Promise<void> {
  await database.executeQuery(CompiledQuery.raw(WRITE_PROBE))
}
