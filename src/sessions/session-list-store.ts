import { sql } from 'kysely'
import type { Queryable } from '../storage/database.ts'

export type ListedSession = {
  id: string
  accountId: string
  /** How the person authenticated, RFC 8176 values separated by spaces. */
  amr: string
  createdAt: Date
  /** When its current refresh token was made. */
  refreshedAt: Date
  /** The sooner of the idle and the absolute end. */
  expiresAt: Date
  endedAt: Date | null
  endReason: string | null
}

export type SessionFilter = {
  accountId?: string | undefined
  /** Those that have ended or expired too. */
  includesEnded: boolean
  /** The id of the last session of the page before. */
  after?: string | undefined
}

/** Sessions, the newest first: ids are in the order of time (RFC 9562 section 5.7). */
export async function listSessions(db: Queryable, filter: SessionFilter, limit: number): Promise<ListedSession[]> {
  const { accountId, includesEnded, after } = filter
  return db
    .selectFrom('session')
    .select([
      'id',
      'account_id as accountId',
      'amr',
      'created_at as createdAt',
      'rotated_at as refreshedAt',
      sql<Date>`least(expires_at, idle_expires_at)`.as('expiresAt'),
      'ended_at as endedAt',
      'end_reason as endReason',
    ])
    .$if(accountId !== undefined, query => query.where('account_id', '=', accountId!))
    .$if(!includesEnded, query =>
      query.where(sql<boolean>`ended_at is null and auth_now() < least(expires_at, idle_expires_at)`),
    )
    .$if(after !== undefined, query => query.where('id', '<', after!))
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
}

/** How many sessions of an account have neither ended nor expired. */
export async function countLiveSessions(db: Queryable, accountId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from session
    where account_id = ${accountId} and ended_at is null and auth_now() < least(expires_at, idle_expires_at)`.execute(
    db,
  )
  return rows[0]!.count
}
