import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { OperatorError } from '../operator-error.ts'
import { type Database, type DatabaseTransaction, inTransaction } from '../storage/database.ts'
import type { KeyRing } from './key-ring.ts'

declare module '../storage/database.ts' {
  interface Tables {
    secret_key: { id: string; check_value: Uint8Array }
  }
}

/** Something in the database that only the key it was made with can open. */
export type SecretKeyUse = {
  /** In the plural, as in "12 passwords". */
  readonly what: string
  count(transaction: DatabaseTransaction, keyId: string): Promise<number>
}

/**
 * Stops the start when a secret key is not the one that this database was used with, or one that is still needed is
 * missing: before anybody is told that their password is wrong.
 *
 * @throws OperatorError
 */
export async function checkSecretKeys(database: Database, keys: KeyRing, uses: SecretKeyUse[]): Promise<void> {
  await inTransaction(database, async transaction => {
    await sql`lock table secret_key in exclusive mode`.execute(transaction)
    const seen = await transaction.selectFrom('secret_key').select(['id', 'check_value']).execute()
    for (const { id, check_value } of seen)
      if (keys.ids.includes(id)) refuseAnotherKey(keys, id, check_value)
      else await forgetUnlessNeeded(transaction, keys, id, uses)
    const unseen = keys.ids.filter(id => !seen.some(row => row.id === id))
    for (const id of unseen)
      await transaction
        .insertInto('secret_key')
        .values({ id, check_value: checkValueOf(keys, id) })
        .execute()
  })
}

/** Whether this database was ever used with a secret key. */
export async function hasSeenSecretKeys(database: Database): Promise<boolean> {
  const seen = await database.selectFrom('secret_key').select('id').limit(1).execute()
  return seen.length > 0
}

function refuseAnotherKey(keys: KeyRing, id: string, expected: Uint8Array): void {
  if (checkValueOf(keys, id).equals(expected)) return
  throw new OperatorError({
    needed: `the secret key "${id}" that this database was used with`,
    found: `another key of the same id in AUTH_SECRET_KEY`,
    remedy: `set AUTH_SECRET_KEY to the key of before; to change it, put a new one with an id of its own in front`,
  })
}

async function forgetUnlessNeeded(
  transaction: DatabaseTransaction,
  keys: KeyRing,
  id: string,
  uses: SecretKeyUse[],
): Promise<void> {
  const needs: string[] = []
  for (const { what, count } of uses) {
    const number = await count(transaction, id)
    if (number > 0) needs.push(`${number} ${what}`)
  }
  if (needs.length > 0)
    throw new OperatorError({
      needed: `the secret key "${id}", which ${needs.join(', ')} of this database were made with`,
      found: `AUTH_SECRET_KEY with ${keys.ids.map(each => `"${each}"`).join(', ')} only`,
      remedy: `add the key behind the new one: AUTH_SECRET_KEY=${keys.ids[0]}:…,${id}:…`,
    })
  await transaction.deleteFrom('secret_key').where('id', '=', id).execute()
}

function checkValueOf(keys: KeyRing, id: string): Buffer {
  return createHash('sha256').update(keys.for('check').byId(id)!.export()).digest()
}
