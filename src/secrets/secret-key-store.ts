import { type ColumnType, sql } from 'kysely'
import type { Queryable } from '../storage/database.ts'

declare module '../storage/database.ts' {
  interface Tables {
    secret_key: {
      id: string
      check_value: Uint8Array
      seen_at: ColumnType<Date, never, never>
      made_at: Date | null
      retired_at: Date | null
    }
  }
}

/** What the database knows of a secret key; the key itself is not there. */
export type KnownSecretKey = {
  id: string
  checkValue: Uint8Array
  seenAt: Date
  madeAt: Date | null
  /** Whether a process has made with it so recently that it may be doing so still. */
  isMaking: boolean
  retiredAt: Date | null
  isRetired: boolean
}

/** How a key other than the first stands in AUTH_SECRET_KEY, without the key: one that is retired stays so. */
export function settingOf({ id, retiredAt, isRetired }: KnownSecretKey): string {
  if (isRetired) return `${id}:…:retired`
  return retiredAt ? `${id}:…:retired=${retiredAt.toISOString()}` : `${id}:…`
}

/** How long a key counts as one that is made with: a process notes it each minute, and may be late. */
const MADE_RECENTLY = 150 // seconds

/** Every key that this database was used with and that is not forgotten, the oldest first. */
export async function knownSecretKeys(db: Queryable): Promise<KnownSecretKey[]> {
  const { rows } = await sql<KnownSecretKey>`
    select id, check_value as "checkValue", seen_at as "seenAt", made_at as "madeAt", retired_at as "retiredAt",
      coalesce(made_at > auth_now() - make_interval(secs => ${sql.lit(MADE_RECENTLY)}), false) as "isMaking",
      coalesce(retired_at <= auth_now(), false) as "isRetired"
    from secret_key order by seen_at, id`.execute(db)
  return rows
}

/** Of several processes that start at once, one checks the keys, and the others wait for its end. Inside a transaction. */
export async function lockSecretKeys(db: Queryable): Promise<void> {
  await sql`lock table secret_key in exclusive mode`.execute(db)
}

/**
 * Notes that a process is configured with a key.
 * @param retiredFrom milliseconds since 1970; 0 for at once, which keeps an earlier time
 */
export async function noteSecretKey(
  db: Queryable,
  { id, checkValue, retiredFrom }: { id: string; checkValue: Buffer; retiredFrom: number | undefined },
): Promise<void> {
  const from = retiredFrom ? new Date(retiredFrom).toISOString() : null
  const retiredAt =
    retiredFrom === 0
      ? sql`least(secret_key.retired_at, auth_now())` // least() passes over null
      : sql`${from}::timestamptz`
  await sql`insert into secret_key (id, check_value, retired_at)
    values (${id}, ${checkValue}, ${retiredFrom === 0 ? sql`auth_now()` : retiredAt})
    on conflict (id) do update set retired_at = ${retiredAt}
    where secret_key.retired_at is distinct from ${retiredAt}`.execute(db)
}

/**
 * Notes that a process makes with a key; again for one that was forgotten meanwhile. Seldom enough a write: of all
 * processes together one a minute.
 */
export async function noteMaking(db: Queryable, { id, checkValue }: { id: string; checkValue: Buffer }): Promise<void> {
  await sql`insert into secret_key (id, check_value, made_at) values (${id}, ${checkValue}, auth_now())
    on conflict (id) do update set made_at = auth_now()
    where secret_key.made_at is null or secret_key.made_at < auth_now() - interval '50 seconds'`.execute(db)
}

/** Notes that nobody makes with a key, so that no process counts as one that lacks it. */
export async function forgetMaking(db: Queryable, id: string): Promise<void> {
  await sql`update secret_key set made_at = null where id = ${id}`.execute(db)
}

/** Ids of the keys that what clients hold may be made with: a process has made with them, and they are not retired. */
export async function idsOfMadeKeys(db: Queryable): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from secret_key where made_at is not null and (retired_at is null or retired_at > auth_now())`.execute(db)
  return rows.map(({ id }) => id)
}

/** Whether this database was ever used with a secret key. */
export async function hasSeenSecretKeys(db: Queryable): Promise<boolean> {
  const { rows } = await sql`select 1 from secret_key limit 1`.execute(db)
  return rows.length > 0
}

export async function forgetSecretKey(db: Queryable, id: string): Promise<void> {
  await sql`delete from secret_key where id = ${id}`.execute(db)
}
