import { sql } from 'kysely'
import type { Database } from './database.ts'

/**
 * Throws when the database cannot be reached or accepts no writes.
 *
 * To lock a row is refused where writes are, is written to the log and synced like one, and makes no dead row. When
 * another process has the row at this moment, that one proves it.
 */
export async function probeWrite(database: Database): Promise<void> {
  await sql`select id from write_probe for update skip locked`.execute(database)
}
