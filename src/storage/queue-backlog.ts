import { sql } from 'kysely'
import type { Queryable } from './database.ts'

export type QueueBacklog = {
  /** Messages of an unknown shape, which wait for an operator. */
  parked: number
  /** Seconds since the oldest message that waits to be delivered, or to come again, was sent; 0 when none waits. */
  oldestWaiting: number
  /** Seconds that the message has been due that is late most; 0 when none is due. */
  longestDue: number
}

/** What waits in the queue of all processes together. */
export async function readQueueBacklog(db: Queryable): Promise<QueueBacklog> {
  const { rows } = await sql<QueueBacklog>`
    select
      (select count(*)::int from pgboss.job where name = 'parked' and state < 'active') as parked,
      coalesce(greatest(0, extract(epoch from now() - min(created_on))), 0)::float8 as "oldestWaiting",
      coalesce(extract(epoch from now() - min(greatest(created_on, start_after)) filter (where start_after <= now())), 0)::float8
        as "longestDue"
    from pgboss.job where name <> 'parked' and state < 'active'`.execute(db)
  return rows[0]!
}
