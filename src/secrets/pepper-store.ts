import { type ColumnType, sql } from 'kysely'
import type { Queryable } from '../storage/database.ts'

declare module '../storage/database.ts' {
  interface Tables {
    pepper: {
      id: string
      sealed_key: Uint8Array
      sealed_with: string
      created_with: string
      created_at: ColumnType<Date, never, never>
    }
  }
}

export type StoredPepper = { id: string; sealedKey: Uint8Array; sealedWith: string; createdWith: string }

/** All peppers, the newest first. */
export async function allPeppers(db: Queryable): Promise<StoredPepper[]> {
  const { rows } = await sql<StoredPepper>`
    select id, sealed_key as "sealedKey", sealed_with as "sealedWith", created_with as "createdWith"
    from pepper order by created_at desc, id`.execute(db)
  return rows
}

export async function insertPepper(db: Queryable, pepper: StoredPepper): Promise<void> {
  await sql`insert into pepper (id, sealed_key, sealed_with, created_with)
    values (${pepper.id}, ${pepper.sealedKey}, ${pepper.sealedWith}, ${pepper.createdWith})`.execute(db)
}

/** Inserts a pepper that was derived from the secret key of the same id: as old as that key. */
export async function insertDerivedPepper(db: Queryable, pepper: Omit<StoredPepper, 'createdWith'>): Promise<void> {
  await sql`insert into pepper (id, sealed_key, sealed_with, created_with, created_at)
    select id, ${pepper.sealedKey}, ${pepper.sealedWith}, id, seen_at from secret_key where id = ${pepper.id}`.execute(
    db,
  )
}

export async function resealPepper(db: Queryable, id: string, sealedKey: Buffer, sealedWith: string): Promise<void> {
  await sql`update pepper set sealed_key = ${sealedKey}, sealed_with = ${sealedWith} where id = ${id}`.execute(db)
}

/** How many peppers only the secret key of that id can open. */
export async function countPeppersSealedWith(db: Queryable, keyId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from pepper where sealed_with = ${keyId}`.execute(db)
  return rows[0]!.count
}
