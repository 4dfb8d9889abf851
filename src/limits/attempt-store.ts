import { type RawBuilder, sql } from 'kysely'
import { DELETED_AT_ONCE, type Queryable } from '../storage/database.ts'
import type { Limit } from './limits.ts'

declare module '../storage/database.ts' {
  interface Tables {
    attempt_counter: {
      key: Buffer
      level: number
      counted_at: Date
      blocked_until: Date
      forgotten_at: Date
    }
  }
}

/** A limit, and the key of what it counts by. */
export type Counter = { key: Buffer; limit: Limit }

/** A counter that an attempt has counted on, and when, in seconds of the database's clock. */
export type Counted<Of extends Counter = Counter> = Of & { countedAt: number }

/** Seconds by which now() of one transaction may be behind that of another one that has ended. */
const TRANSACTIONS_APART = 60
const HIGHEST_POWER = 30 // no block is as long as 2^30 times the first; what is more would overflow

/** In SQL. A block that is longer than any can be was noted while the clock of the database was ahead, and has ended. */
const isBlocked = (blockedUntil: RawBuilder<Date>, longestBlock: RawBuilder<number>) =>
  sql<boolean>`(${blockedUntil} > auth_now()
    and ${blockedUntil} <= auth_now() + make_interval(secs => ${longestBlock} + ${sql.lit(TRANSACTIONS_APART)}))`

/**
 * Counts an attempt on all counters that are not blocked. Parallel attempts count one after the other, each judged by
 * what the one before left: ON CONFLICT locks the row and looks at its latest version.
 *
 * What is not blocked is so since ever, and not since now: the transaction whose now() it is may have begun later.
 * The keys go in order, so that two attempts never wait for one another in a circle.
 *
 * Where one counter is seen to be blocked, the attempt touches none: whoever is blocked on a counter of their own would
 * otherwise block one that others share, for the moment until it is given back.
 * @returns those that counted it; if there are fewer, others are blocked
 */
export async function countAttempt<Of extends Counter>(db: Queryable, counters: readonly Of[]): Promise<Counted<Of>[]> {
  const sorted = counters.toSorted((a, b) => Buffer.compare(a.key, b.key))
  const column = (name: Exclude<keyof Limit, 'isOptional'>) => sorted.map(({ limit }) => limit[name])
  const { rows } = await sql<{ key: Buffer; countedAt: number }>`
    with attempted as materialized (
      select * from unnest(${sorted.map(({ key }) => key)}::bytea[], ${column('burst')}::float8[],
        ${column('forgivenAfter')}::float8[], ${column('firstBlock')}::float8[], ${column('longestBlock')}::float8[])
        as attempt (key, burst, forgiven_after, first_block, longest_block)
      order by key
    )
    insert into attempt_counter as counter (key, level, counted_at, blocked_until, forgotten_at)
    select key, 1, auth_now(), '-infinity', auth_now() + make_interval(secs => forgiven_after)
    from attempted
    where not exists (
      select from attempted join attempt_counter known using (key)
      where ${isBlocked(sql`known.blocked_until`, sql`longest_block`)}
    )
    order by key
    on conflict (key) do update set (level, counted_at, blocked_until, forgotten_at) = (
      select raised.level, auth_now(),
        case when raised.level <= burst - 1 then '-infinity' else auth_now() + make_interval(secs => least(
          longest_block,
          first_block * power(2, least(greatest(raised.level - burst, 0), ${sql.lit(HIGHEST_POWER)}))
        )) end,
        auth_now() + make_interval(secs => raised.level * forgiven_after)
      from attempted, lateral (
        select greatest(0, counter.level
          - greatest(0, extract(epoch from auth_now() - counter.counted_at)::float8) / forgiven_after) + 1 as level
      ) as raised
      where attempted.key = excluded.key
    )
    where not ${isBlocked(sql`counter.blocked_until`, sql`(select longest_block from attempted where attempted.key = excluded.key)`)}
    returning key, extract(epoch from counted_at)::float8 as "countedAt"`.execute(db)
  return rows.flatMap(({ key, countedAt }) => {
    const counter = counters.find(each => each.key.equals(key))
    return counter ? [{ ...counter, countedAt }] : []
  })
}

/**
 * Takes an attempt back that turned out to be none, and ends the block that would not be there without it: one that began
 * with it, or whose level it was needed for. Otherwise the block would tell that somebody signed in.
 */
export async function giveBackAttempt(db: Queryable, counted: readonly Counted[]): Promise<void> {
  await sql`
    with given_back as (
      select counter.key, greatest(0, level - 1) as level, burst,
        extract(epoch from counter.counted_at)::float8 = attempt.counted_at as is_last
      from attempt_counter counter
      join unnest(${counted.map(({ key }) => key)}::bytea[], ${counted.map(({ limit }) => limit.burst)}::float8[],
        ${counted.map(({ countedAt }) => countedAt)}::float8[]) as attempt (key, burst, counted_at)
        on attempt.key = counter.key
      order by counter.key
      for update of counter
    )
    update attempt_counter counter set level = given_back.level,
      blocked_until = case when is_last or given_back.level <= burst - 1 then '-infinity' else blocked_until end
    from given_back where given_back.key = counter.key`.execute(db)
}

/** Forgets all attempts on a counter. */
export async function forgetAttempts(db: Queryable, key: Buffer): Promise<void> {
  await sql`delete from attempt_counter where key = ${key}`.execute(db)
}

/** Forgets all attempts on several counters. They are locked in order, as {@link countAttempt} does. */
export async function forgetCounters(db: Queryable, keys: readonly Buffer[]): Promise<void> {
  await sql`
    with locked as materialized (
      select key from attempt_counter where key = any(${keys}::bytea[]) order by key for update
    )
    delete from attempt_counter counter using locked where counter.key = locked.key`.execute(db)
}

/** Which counters are blocked, and for how many seconds more. */
export async function blockedCounters(
  db: Queryable,
  counters: readonly Counter[],
): Promise<{ key: Buffer; seconds: number }[]> {
  const { rows } = await sql<{ key: Buffer; seconds: number }>`
    select key, extract(epoch from blocked_until - auth_now())::float8 as seconds
    from attempt_counter join unnest(${counters.map(({ key }) => key)}::bytea[],
      ${counters.map(({ limit }) => limit.longestBlock)}::float8[]) as asked (key, longest_block) using (key)
    where ${isBlocked(sql`blocked_until`, sql`longest_block`)}`.execute(db)
  return rows.map(({ key, seconds }) => ({ key: Buffer.from(key), seconds }))
}

/** Deletes counters of which nothing is left, except those that are being counted on. @returns how many, at most 1,000 */
export async function deleteForgottenAttempts(db: Queryable): Promise<number> {
  const { rows } = await sql`
    with forgotten as materialized (
      select key from attempt_counter where forgotten_at < auth_now() limit ${DELETED_AT_ONCE} for update skip locked
    )
    delete from attempt_counter counter using forgotten where counter.key = forgotten.key returning 1`.execute(db)
  return rows.length
}
