import type { JWK } from 'jose'
import { type ColumnType, sql } from 'kysely'
import type { Queryable } from '../storage/database.ts'
import type { SigningAlgorithm } from './signing-algorithms.ts'

declare module '../storage/database.ts' {
  interface Tables {
    signing_key: {
      id: string
      algorithm: SigningAlgorithm
      public_jwk: ColumnType<JWK, string, string>
      sealed_private_key: Uint8Array
      sealed_with: string
      created_at: ColumnType<Date, never, never>
      signs_from: Date | null
    }
  }
}

/** A signing key as it lies in the database, with its part at this moment. */
export type StoredSigningKey = {
  id: string
  algorithm: SigningAlgorithm
  publicJwk: JWK
  sealedPrivateKey: Uint8Array
  sealedWith: string
  createdAt: Date
  signsFrom: Date | null
  /** `next` has not signed yet, `current` signs, `previous` has signed and still verifies. */
  role: 'next' | 'current' | 'previous'
}

/** How long before its first signature a key has been in the JWKS at least: three times what verifiers cache. */
const PUBLISHED_BEFORE_SIGNING = 15 * 60 // seconds

/** How long after its last signature a key stays beyond the lifetime of what it signed: a process may lag a minute. */
const KEPT_AFTER_EXPIRY = 5 * 60 // seconds

/** Longer than a change of the keys takes, with its wait for the lock. */
const LONGEST_CHANGE = 60 // seconds

/** All keys, the newest first. */
export async function allSigningKeys(db: Queryable): Promise<StoredSigningKey[]> {
  const { rows } = await sql<StoredSigningKey>`
    select id, algorithm, public_jwk as "publicJwk", sealed_private_key as "sealedPrivateKey",
      sealed_with as "sealedWith", created_at as "createdAt", signs_from as "signsFrom",
      case
        when signs_from is null or signs_from > auth_now() then 'next'
        when signs_from = max(signs_from) filter (where signs_from <= auth_now()) over () then 'current'
        else 'previous'
      end as role
    from signing_key order by created_at desc, id`.execute(db)
  return rows
}

export type NewSigningKey = Pick<StoredSigningKey, 'id' | 'algorithm' | 'publicJwk'> & {
  sealedPrivateKey: Buffer
  sealedWith: string
}

/** @param signsNow for the very first key only; any other is published before it signs */
export async function insertSigningKey(db: Queryable, key: NewSigningKey, signsNow: boolean): Promise<void> {
  await sql`insert into signing_key (id, algorithm, public_jwk, sealed_private_key, sealed_with, signs_from)
    values (${key.id}, ${key.algorithm}, ${JSON.stringify(key.publicJwk)}, ${key.sealedPrivateKey}, ${key.sealedWith},
      ${signsNow ? sql`auth_now()` : null})`.execute(db)
}

/** Lets a published key sign as soon as verifiers can know it, or at once. */
export async function scheduleSigningKey(db: Queryable, id: string, when: 'once known' | 'at once'): Promise<void> {
  const earliest = when === 'at once' ? 0 : PUBLISHED_BEFORE_SIGNING
  await sql`update signing_key
    set signs_from = greatest(auth_now(), created_at + make_interval(secs => ${earliest}))
    where id = ${id}`.execute(db)
}

/**
 * Deletes the keys that have their hour and have not signed yet. One whose hour is near stays: a transaction sees the time
 * at which it began, and may have waited for the lock since, while that key has begun to sign.
 */
export async function deleteScheduledSigningKeys(db: Queryable): Promise<void> {
  await sql`delete from signing_key
    where signs_from > auth_now() + make_interval(secs => ${LONGEST_CHANGE})`.execute(db)
}

export async function deleteSigningKey(db: Queryable, id: string): Promise<void> {
  await sql`delete from signing_key where id = ${id}`.execute(db)
}

/** Deletes all keys but one. */
export async function deleteOtherSigningKeys(db: Queryable, id: string): Promise<void> {
  await sql`delete from signing_key where id <> ${id}`.execute(db)
}

/** Deletes the keys that a later one replaced so long ago that all they signed has expired. */
export async function deleteOutlivedSigningKeys(db: Queryable, accessTokenTtl: number): Promise<void> {
  await sql`delete from signing_key old using signing_key later
    where old.signs_from < later.signs_from
      and later.signs_from < auth_now() - make_interval(secs => ${accessTokenTtl + KEPT_AFTER_EXPIRY})`.execute(db)
}

/** Whether the key that signs has done so for longer than that many seconds. */
export async function hasSignedFor(db: Queryable, id: string, seconds: number): Promise<boolean> {
  const { rows } = await sql<{ due: boolean }>`
    select signs_from < auth_now() - make_interval(secs => ${seconds}) as due from signing_key
    where id = ${id}`.execute(db)
  return rows[0]?.due ?? false
}

export async function resealSigningKey(db: Queryable, id: string, sealed: Buffer, sealedWith: string): Promise<void> {
  await sql`update signing_key set sealed_private_key = ${sealed}, sealed_with = ${sealedWith}
    where id = ${id}`.execute(db)
}

/** Of several processes only one changes the keys at a time; the others wait for its end. Inside a transaction. */
export async function lockSigningKeys(db: Queryable): Promise<void> {
  await sql`lock table signing_key in exclusive mode`.execute(db)
}

/** How many keys only the secret key of that id can open. */
export async function countSigningKeysSealedWith(db: Queryable, keyId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from signing_key where sealed_with = ${keyId}`.execute(db)
  return rows[0]!.count
}
