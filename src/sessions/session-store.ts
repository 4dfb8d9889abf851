import { type ColumnType, type Generated, sql } from 'kysely'
import { eventForEach } from '../audit/audit-store.ts'
import { DELETED_AT_ONCE, type Queryable } from '../storage/database.ts'

declare module '../storage/database.ts' {
  interface Tables {
    session: {
      id: string
      account_id: string
      amr: string
      created_at: Generated<Date>
      expires_at: ColumnType<Date, never, never>
      idle_expires_at: ColumnType<Date, never, never>
      generation: Generated<number>
      predecessor: number | null
      rotated_at: Generated<Date>
      grace_floor: Generated<number>
      grace_floor_recent: Generated<number>
      resumed_generation: number | null
      resumed_at: Date | null
      token_key: string
      ended_at: Date | null
      end_reason: 'revoked' | 'reused' | 'displaced' | null
    }
  }
}

/** A session as its owner is told of it. */
export type Session = {
  id: string
  accountId: string
  createdAt: Date
  /** The sooner of the idle and the absolute end. */
  expiresAt: Date
}

/** Seconds. */
export type SessionLifetimes = { idle: number; absolute: number }

export type NewSession = {
  id: string
  accountId: string
  /** The revision of the account that the password was verified against. */
  accountRevision: number
  amr: readonly string[]
  lifetimes: SessionLifetimes
  tokenKey: string
}

/**
 * Starts a session, if the account is still active and unchanged since the password was verified.
 *
 * The lock on the account's row makes this wait for whatever disables or changes the account, and that for this; so
 * either the session is not started, or it is there to be ended. Sign-ins of one account wait for one another too, until
 * the transaction ends, so that {@link displaceSessions} sees them all.
 * @returns undefined when the account has changed
 */
export async function insertSession(db: Queryable, session: NewSession): Promise<Session | undefined> {
  const { rows } = await sql<Session>`
    insert into session (id, account_id, amr, expires_at, idle_expires_at, token_key)
    select ${session.id}, id, ${session.amr.join(' ')},
      auth_now() + make_interval(secs => ${session.lifetimes.absolute}),
      auth_now() + make_interval(secs => ${session.lifetimes.idle}),
      ${session.tokenKey}
    from (
      select id from account
      where id = ${session.accountId} and status = 'active' and revision = ${session.accountRevision}
      for no key update
    ) as verified
    returning id, account_id as "accountId", created_at as "createdAt",
      least(expires_at, idle_expires_at) as "expiresAt"`.execute(db)
  return rows[0]
}

/** Ends a session; one that has ended keeps its reason. @param network where the request comes from; see `networkOf` */
export async function endSession(db: Queryable, id: string, network: string): Promise<void> {
  await sql`
    with ended as (
      update session set ended_at = auth_now(), end_reason = 'revoked'
      where id = ${id} and ended_at is null
      returning id, account_id
    )
    ${eventForEach('session.revoked', sql`ended`, { ...SESSION_FACTS, network: sql`${network}` })}`.execute(db)
}

/**
 * Ends the sessions of an account that have been idle for the longest, so that no more than `most` are live. The caller
 * has started `newest` in the same transaction. Rows are locked in the order of their ids, as the exchange does.
 * @param network where the new one comes from; see `networkOf`
 */
export async function displaceSessions(
  db: Queryable,
  { accountId, newest, most, network }: { accountId: string; newest: string; most: number; network: string },
): Promise<void> {
  await sql`
    with idle as (
      select id from session
      where account_id = ${accountId} and id <> ${newest}
        and ended_at is null and auth_now() < least(expires_at, idle_expires_at)
      order by rotated_at desc, id desc offset ${most - 1}
    ), locked as materialized (
      select session.id from session join idle using (id)
      where session.ended_at is null
      order by session.id
      for update of session
    ), displaced as (
      update session set ended_at = auth_now(), end_reason = 'displaced'
      from locked where session.id = locked.id
      returning session.id, session.account_id
    )
    ${eventForEach('session.displaced', sql`displaced`, { ...SESSION_FACTS, network: sql`${network}` })}`.execute(db)
}

/** What events tell of a row with `id` and `account_id`. */
export const SESSION_FACTS = { accountId: sql`account_id`, sessionId: sql`id` }

/**
 * Ends every session of an account.
 *
 * The caller has changed the account's row before, in the same transaction; else a sign-in could slip past.
 * @returns how many it ended
 */
export async function endSessionsOf(db: Queryable, accountId: string): Promise<number> {
  const { rows } = await sql`update session set ended_at = auth_now(), end_reason = 'revoked'
    where account_id = ${accountId} and ended_at is null returning 1`.execute(db)
  return rows.length
}

/** Whether the session has neither ended nor expired. */
export async function isSessionLive(db: Queryable, id: string): Promise<boolean> {
  const { rows } = await sql`
    select 1 from session
    where id = ${id} and ended_at is null and auth_now() < least(expires_at, idle_expires_at)`.execute(db)
  return rows.length > 0
}

const KEPT_AFTER_END = 30 * 86_400 // seconds; so long an ended session can tell why
/** Deletes sessions that ended or expired long ago. @returns how many, at most 1,000 */
export async function deleteOutlivedSessions(db: Queryable): Promise<number> {
  const { rows } = await sql`
    delete from session where id in (
      select id from session
      where expires_at < auth_now() - make_interval(secs => ${KEPT_AFTER_END})
        or ended_at < auth_now() - make_interval(secs => ${KEPT_AFTER_END})
      limit ${DELETED_AT_ONCE}
    ) returning 1`.execute(db)
  return rows.length
}

/**
 * Deletes sessions that expired long ago for want of use, among the next 1,000 by id.
 * @param after the id to begin after
 * @returns the last id that was looked at; undefined at the end of the table
 */
export async function deleteIdleSessions(db: Queryable, after: string): Promise<string | undefined> {
  const { rows } = await sql<{ last: string; seen: number }>`
    with page as materialized (
      select id from session where id > ${after} order by id limit ${DELETED_AT_ONCE}
    ), deleted as (
      delete from session using page
      where session.id = page.id and idle_expires_at < auth_now() - make_interval(secs => ${KEPT_AFTER_END})
    )
    select id as last, (select count(*)::int from page) as seen from page order by id desc limit 1`.execute(db)
  return rows[0]?.seen === DELETED_AT_ONCE ? rows[0].last : undefined
}

/** How many live sessions hold a refresh token that was made with that secret key. */
export async function countSessionsWithTokenKey(db: Queryable, keyId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from session
    where token_key = ${keyId} and ended_at is null
      and auth_now() < least(expires_at, idle_expires_at)`.execute(db)
  return rows[0]!.count
}
