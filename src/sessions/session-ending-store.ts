import { sql } from 'kysely'
import type { Queryable } from '../storage/database.ts'

/** Ends a session. @returns whose it is, and whether it ended only now; undefined when there is none */
export async function endOneSession(
  db: Queryable,
  id: string,
): Promise<{ accountId: string; hasEnded: boolean } | undefined> {
  const { rows } = await sql<{ accountId: string; hasEnded: boolean }>`
    with ended as (
      update session set ended_at = auth_now(), end_reason = 'revoked'
      where id = ${id} and ended_at is null returning id
    )
    select account_id as "accountId", exists (select from ended) as "hasEnded" from session where id = ${id}`.execute(
    db,
  )
  return rows[0]
}

const ENDED_AT_ONCE = 1_000 // rows that stay locked until the transaction ends

/**
 * Ends sessions of any account, in the order of their ids as the exchange of refresh tokens locks them.
 * @param after the id up to which they were ended before
 * @returns how many, and the id to continue after; undefined when there were none
 */
export async function endSomeSessions(
  db: Queryable,
  after: string | undefined,
): Promise<{ ended: number; last: string | undefined }> {
  const { rows } = await sql<{ id: string }>`
    update session set ended_at = auth_now(), end_reason = 'revoked'
    from (
      select id from session
      where ended_at is null and (${after ?? null}::uuid is null or id > ${after ?? null}::uuid)
      order by id limit ${sql.lit(ENDED_AT_ONCE)} for update
    ) as live
    where session.id = live.id
    returning session.id`.execute(db)
  const ids = rows.map(({ id }) => id).toSorted()
  return { ended: ids.length, last: ids.at(-1) }
}
