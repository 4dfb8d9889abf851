import { sql } from 'kysely'
import { eventForEach } from '../audit/audit-store.ts'
import type { Queryable } from '../storage/database.ts'
import type { RefreshTokenContent } from './refresh-token.ts'
import { SESSION_FACTS } from './session-store.ts'

/** A refresh token that somebody shows. */
export type PresentedToken = RefreshTokenContent & {
  /** Where the request comes from; see `networkOf`. */
  network?: string | undefined
}

/**
 * What a presented refresh token turned out to be:
 * - `current`: it was traded in, and its successor is the current token now
 * - `repeated`: it was traded in before, within the grace; the current token stays
 * - `answer_lost`: the predecessor came back later, so its successor never arrived; that one is skipped
 * - `reused`: somebody else went past it, which means theft; the session has ended
 * - `revoked`, `expired`: the session had ended before
 */
export type Verdict = 'current' | 'repeated' | 'answer_lost' | 'reused' | 'revoked' | 'expired'

export type Rotation = {
  sessionId: string
  verdict: Verdict
  /** Generation of the current token, after this. */
  generation: number
  /** Id of the secret key that the current token is made with, wherever that is done. */
  tokenKey: string
  accountId: string
  authenticatedAt: Date
  amr: string
}

/** Another transaction has the session's row, so that nothing is known of the token yet. */
export type LockedSession = { sessionId: string; verdict: 'locked' }

export type RotationSettings = {
  /** Seconds; see `AUTH_REFRESH_GRACE`. */
  grace: number
  /** Seconds. */
  idleTtl: number
  /** Id of the secret key that new tokens are made with. */
  tokenKey: string
  /** Ids of the keys whose tokens are refused. */
  retiredKeys: readonly string[]
}

/**
 * Judges and trades in refresh tokens, all in one statement and one commit, at most one a session.
 *
 * Time is cut into grace periods. A row remembers two marks: the lowest generation that is in grace during the period
 * in which its current token was made, and the lowest that will be during the next. So each token that was traded in
 * is in grace for one to two periods, however many came after it, with two integers a row. A skipped token is never
 * in grace: skipping lifts both marks past it, and the one token that came back is remembered by itself.
 *
 * A row names the key of its current token, and whoever answers with that token makes it with that key, so that it has
 * one spelling while processes have different first keys. Where that key is retired, the token is made with
 * the process's own, and the row says so.
 *
 * Rows are locked in the order of their ids, so that batches of several processes cannot wait for one another in a
 * circle. A row that another transaction has is skipped, so that it keeps nobody else waiting. It is told from one that
 * does not exist by a look that needs no lock; when nothing was skipped, nothing is looked up. No column that changes is in an index, so PostgreSQL updates in place (HOT); only a theft touches one.
 *
 * A theft is recorded as an event; a rotation is not, so that it leaves no row behind.
 * @returns one rotation for each session that exists, or that it is locked
 */
export async function rotate(
  db: Queryable,
  presented: readonly PresentedToken[],
  { grace, idleTtl, tokenKey, retiredKeys }: RotationSettings,
): Promise<(Rotation | LockedSession)[]> {
  const ids = presented.map(({ sessionId }) => sessionId)
  const generations = presented.map(({ generation }) => generation)
  const networks = presented.map(({ network }) => network ?? null)
  const { rows } = await sql<Rotation | LockedSession>`
    with presented as (
      select * from unnest(${ids}::uuid[], ${generations}::bigint[], ${networks}::text[]) as token (id, shown, network)
    ), locked as materialized (
      select session.*, presented.shown, presented.network,
        floor(extract(epoch from auth_now()) / ${sql.lit(grace)})
          - floor(extract(epoch from rotated_at) / ${sql.lit(grace)}) as periods_since
      from session join presented using (id)
      order by session.id
      for update of session skip locked
    ), floored as (
      select *,
        case when periods_since <= 0 then grace_floor when periods_since = 1 then grace_floor_recent else generation end
          as floor_now
      from locked
    ), judged as materialized (
      select *,
        case
          when end_reason is not null then case end_reason when 'reused' then 'reused' else 'revoked' end
          when auth_now() >= least(expires_at, idle_expires_at) then 'expired'
          when shown >= generation then 'current'
          when shown = predecessor and auth_now() - rotated_at <= make_interval(secs => ${sql.lit(grace)})
            then 'repeated'
          when shown = predecessor then 'answer_lost'
          when shown >= floor_now then 'repeated'
          when shown = resumed_generation and auth_now() - resumed_at <= make_interval(secs => ${sql.lit(grace)})
            then 'repeated'
          else 'reused'
        end as verdict
      from floored
    ), changed as (
      update session set
        generation = case judged.verdict
          when 'current' then judged.shown + 1 when 'answer_lost' then judged.generation + 1
          else session.generation end,
        resumed_generation = case judged.verdict when 'answer_lost' then judged.shown
          else session.resumed_generation end,
        resumed_at = case judged.verdict when 'answer_lost' then auth_now() else session.resumed_at end,
        predecessor = case judged.verdict when 'current' then judged.shown else session.predecessor end,
        rotated_at = case when judged.verdict in ('repeated', 'reused') then session.rotated_at else auth_now() end,
        idle_expires_at = case when judged.verdict in ('repeated', 'reused') then session.idle_expires_at
          else auth_now() + make_interval(secs => ${sql.lit(idleTtl)}) end,
        token_key = case judged.verdict when 'reused' then session.token_key else ${tokenKey} end,
        grace_floor = case
          when judged.verdict in ('repeated', 'reused') then session.grace_floor
          when judged.verdict = 'answer_lost' then judged.generation + 1
          when judged.shown > judged.generation then judged.shown
          else least(judged.floor_now, judged.shown) end,
        grace_floor_recent = case
          when judged.verdict in ('repeated', 'reused') then session.grace_floor_recent
          when judged.verdict = 'answer_lost' then judged.generation + 1
          when judged.shown > judged.generation then judged.shown
          when judged.periods_since <= 0 then session.grace_floor_recent
          else judged.shown end,
        ended_at = case judged.verdict when 'reused' then auth_now() end,
        end_reason = case judged.verdict when 'reused' then 'reused' end
      from judged
      where session.id = judged.id and session.ended_at is null
        and (judged.verdict in ('current', 'answer_lost', 'reused')
          or judged.verdict = 'repeated' and judged.token_key = any (${retiredKeys}::text[]))
      returning session.id, session.generation, session.token_key, session.account_id, judged.verdict, judged.network
    ), stolen as (
      select * from changed where verdict = 'reused'
    ), recorded as (
      ${eventForEach('session.reused', sql`stolen`, { ...SESSION_FACTS, network: sql`network` })}
    )
    select judged.id as "sessionId", judged.verdict, coalesce(changed.generation, judged.generation) as generation,
      coalesce(changed.token_key, judged.token_key) as "tokenKey",
      judged.account_id as "accountId", judged.created_at as "authenticatedAt", judged.amr
    from judged left join changed using (id)
    union all
    select id, 'locked', null, null, null, null, null from presented
    where id not in (select id from locked) and exists (select from session where session.id = presented.id)`.execute(
    db,
  )
  return rows
}
