import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import { connectTo } from './database-client.ts'

/** What the table of sessions has come to. */
export type SessionTable = {
  rows: number
  /** Bytes. */
  table: number
  indexes: number
  /** Since the database was made. */
  updates: number
  /** Those that needed no new entry in an index. */
  hotUpdates: number
}

const COUNTED_WITHIN = 30_000 // milliseconds; a connection that is idle tells what it has counted after 10 s

/**
 * Looks as soon as so many updates are counted that they may be all.
 *
 * @param updates how many there are at least
 * @throws when so many are never counted
 */
export async function sessionTable(databaseUrl: string, updates = 0): Promise<SessionTable> {
  await using client = await connectTo(databaseUrl)
  for (const deadline = performance.now() + COUNTED_WITHIN; ; await pause(100)) {
    const table = await look(client)
    if (table.updates >= updates) return table
    if (performance.now() > deadline) throw new Error(`${updates} updates were made, and ${table.updates} counted`)
  }
}

async function look(client: pg.Client): Promise<SessionTable> {
  const { rows } = await client.query(`
    select (select count(*) from session)::float8 as rows,
      pg_table_size('session')::float8 as table, pg_indexes_size('session')::float8 as indexes,
      n_tup_upd::float8 as updates, n_tup_hot_upd::float8 as "hotUpdates"
    from pg_stat_user_tables where relname = 'session'`)
  return rows[0]
}
