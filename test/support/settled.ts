import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Database } from '../../src/storage/database.ts'

const LONGEST = 30_000 // milliseconds

/** Waits until every message has been handled. */
export async function settled({ service }: { service: { database: Database } }): Promise<void> {
  for (const deadline = Date.now() + LONGEST; ; await pause(20)) {
    const { rows } = await sql<{ open: number }>`
      select count(*)::int as open from pgboss.job
      where name not like '\\_\\_%' and state in ('created', 'active', 'retry')`.execute(service.database)
    if (rows[0]!.open === 0) return
    if (Date.now() > deadline) throw new Error(`${rows[0]!.open} messages are still open after ${LONGEST / 1_000} s`)
  }
}
