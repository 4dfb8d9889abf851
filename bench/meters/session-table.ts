import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'

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

const FLUSHED_WITHIN = 10_000 // milliseconds in which connections tell what they have counted; it is 1 s at the most

/** Looks when all that was done has been counted. */
export async function sessionTable(databaseUrl: string): Promise<SessionTable> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    let before = await look(client)
    for (const deadline = performance.now() + FLUSHED_WITHIN; performance.now() < deadline; ) {
      await pause(1_500)
      const now = await look(client)
      if (now.updates === before.updates) return now
      before = now
    }
    throw new Error('The sessions are still being refreshed: what was done cannot be counted')
  } finally {
    await client.end()
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
