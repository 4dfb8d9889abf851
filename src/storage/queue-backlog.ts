import { sql } from 'kysely'
import type { Queryable } from './database.ts'

export type QueueBacklog = {
  /** Messages of an unknown shape, which wait for an operator. */
  parked: number
  /** Seconds since the oldest message that waits to be delivered, or to come again, was sent; 0 when none waits. */
  oldestWaiting: number
}

/** What waits in the queue of all processes together. */
export async function readQueueBacklog(db: Queryable): Promise<QueueBacklog> {
  const { rows } = await sql<QueueBacklog>`
    select
      (select count(*)::int from pgboss.job where name = 'parked' and state < 'active') as parked,
      (select coalesce(greatest(0, extract(epoch from now() - min(created_on))), 0)::float8
        from pgboss.job where name <> 'parked' and state < 'active') as "oldestWaiting"`.execute(db)
  return rows[0]!
}
