import { createHash } from 'node:crypto'
import { OperatorError } from '../operator-error.ts'
import { type Database, type DatabaseTransaction, inTransaction, type Queryable } from '../storage/database.ts'
import type { KeyRing } from './key-ring.ts'
import {
  forgetMaking,
  forgetSecretKey,
  type KnownSecretKey,
  knownSecretKeys,
  lockSecretKeys,
  noteMaking,
  noteSecretKey,
  settingOf,
} from './secret-key-store.ts'

/** Something that is worth nothing without the secret key it was made with. */
export type SecretKeyUse = {
  /** In the plural, as in "12 signing keys". */
  readonly what: string
  /** How many rows need the key of that id. */
  count(db: Queryable, keyId: string): Promise<number>
  /** Whether clients hold it as a MAC, which nobody can make anew for them: it ends when the key is retired. */
  readonly endsWithKey: boolean
}

/** Something in the database that is sealed, and can be sealed anew. */
export type SealedStore = {
  /** Seals with the current key whatever another one has sealed. Inside a transaction. */
  reseal(transaction: DatabaseTransaction, keys: KeyRing): Promise<void>
}

export type SecretKeyCheck = {
  keys: KeyRing
  uses: readonly SecretKeyUse[]
  /** Whether other processes can be using the same database. */
  isShared: boolean
}

/**
 * Checks the secret keys against the database.
 *
 * Stops the start when a key is not the one that this database was used with or would be taken back from its retirement,
 * when one that is still needed is missing, and when the first one would make what other processes could not verify:
 * before anybody is told that their password is wrong or their session gone.
 *
 * @throws OperatorError
 */
export async function checkSecretKeys(database: Database, check: SecretKeyCheck): Promise<void> {
  await refuseUnfit(database, check)
}

/**
 * What a command does before it seals something: it checks the secret keys again, and an empty database is theirs from then on.
 * Of another one it notes the first key alone, so that no process without it starts. One that seals nothing leaves a database
 * unbound: `migrate` may be run with a key that is thrown away.
 *
 * @throws OperatorError as {@link checkSecretKeys} does
 */
export async function bindSecretKeys(database: Database, check: SecretKeyCheck): Promise<void> {
  await inTransaction(database, async transaction => {
    await lockSecretKeys(transaction)
    const known = await refuseUnfit(transaction, check)
    const [first] = check.keys.ids
    if (known.length === 0) await noteSecretKeys(transaction, check.keys)
    else if (!isKnown(first!, known)) await noteKey(transaction, check.keys, first!)
  })
}

/**
 * What a process does that serves: it checks the secret keys, notes them for other processes, forgets what is left out,
 * and seals with the first whatever another one has sealed. It can be repeated, and the process that starts last decides.
 * A command does not: it may be run with settings of before.
 *
 * @returns ids of the retired keys that verify again, as the settings say explicitly
 * @throws OperatorError as {@link checkSecretKeys} does
 */
export async function takeUpSecretKeys(
  database: Database,
  check: SecretKeyCheck,
  stores: readonly SealedStore[],
): Promise<string[]> {
  const { keys } = check
  return inTransaction(database, async transaction => {
    await lockSecretKeys(transaction)
    const known = await refuseUnfit(transaction, check)
    for (const { id, isRetired } of known)
      if (!keys.ids.includes(id) && !isRetired) await forgetSecretKey(transaction, id) // else it could come back
    await noteSecretKeys(transaction, keys)
    await noteMaking(transaction, namedCheck(keys, keys.ids[0]!))
    for (const store of stores) await store.reseal(transaction, keys)
    const takenBack = known.filter(key => key.isRetired && isTakenBack(keys, key))
    // Else each process that lacks it, since it was left out while it was retired, would not be ready from now on.
    for (const { id, isMaking } of takenBack) if (!isMaking) await forgetMaking(transaction, id)
    return takenBack.map(({ id }) => id)
  })
}

/** Notes that this process makes with the first key. Every minute; see `MADE_RECENTLY`. */
export async function noteMakingKey(database: Database, keys: KeyRing): Promise<void> {
  await noteMaking(database, namedCheck(keys, keys.ids[0]!))
}

async function noteSecretKeys(transaction: DatabaseTransaction, keys: KeyRing): Promise<void> {
  for (const id of keys.ids) await noteKey(transaction, keys, id)
}

const noteKey = (transaction: DatabaseTransaction, keys: KeyRing, id: string) =>
  noteSecretKey(transaction, { ...namedCheck(keys, id), retiredFrom: keys.retiredFrom(id) })

/** @returns what the database knows, when these keys fit it */
async function refuseUnfit(db: Queryable, { keys, uses, isShared }: SecretKeyCheck): Promise<KnownSecretKey[]> {
  const known = await knownSecretKeys(db)
  for (const key of known)
    if (keys.ids.includes(key.id)) {
      refuseAnotherKey(keys, key)
      refuseRetired(keys, key)
    }
  if (isShared) refuseUnacceptedFirst(keys, known)
  for (const key of known)
    if (!keys.ids.includes(key.id)) {
      if (isShared) refuseWhileMaking(keys, key)
      await refuseWhileNeeded(db, keys, key, uses)
    }
  return known
}

// Settings of before, after a rollback or in a shell of an operator, would have a key that leaked make and verify again.
function refuseRetired(keys: KeyRing, key: KnownSecretKey): void {
  const { id, isRetired, retiredAt } = key
  if (!isRetired || !keys.accepts(id)) return
  // Of one planned time, the clock of this process may not have seen the moment that the database has.
  if (keys.retiredFrom(id) === retiredAt!.getTime() || isTakenBack(keys, key)) return
  throw new OperatorError({
    needed: `the secret key "${id}" retired, as it is for the other processes on this database`,
    found: `"${id}" as ${id === keys.ids[0] ? 'the first key' : 'a key that verifies'}, which is retired since ${retiredAt!.toISOString()}`,
    remedy:
      `set AUTH_SECRET_KEY as the service had it last, with ${settingOf(key)} behind the first key; ` +
      `if it was retired by mistake, ${id}:…:unretired=${retiredAt!.toISOString()} in its place takes that back`,
  })
}

const isTakenBack = (keys: KeyRing, { id, retiredAt }: KnownSecretKey): boolean =>
  keys.ids.includes(id) && retiredAt !== null && keys.unretiredFrom(id) === retiredAt.getTime()

function refuseAnotherKey(keys: KeyRing, key: KnownSecretKey): void {
  const { id, checkValue, isRetired, retiredAt } = key
  if (namedCheck(keys, id).checkValue.equals(checkValue)) return
  if (isRetired)
    throw new OperatorError({
      needed: `another id for a new secret key: "${id}" is used up, by a key that is retired since ${retiredAt!.toISOString()}`,
      found: 'another key of that id in AUTH_SECRET_KEY',
      remedy: `choose an id that was never used; if "${id}" means the retired key, set that one, as ${settingOf(key)}`,
    })
  throw new OperatorError({
    needed: `the secret key "${id}" that this database was used with`,
    found: `another key of the same id in AUTH_SECRET_KEY`,
    remedy: `set AUTH_SECRET_KEY to the key of before; to change it, put a new one with an id of its own behind it`,
  })
}

// A key that this database has never seen is a key that no other process accepts yet. In a backup from before a key was
// replaced there is no other process: nobody makes, and with the other keys retired none can start that would.
function refuseUnacceptedFirst(keys: KeyRing, known: readonly KnownSecretKey[]): void {
  const [first] = keys.ids
  if (known.length === 0 || isKnown(first!, known)) return
  if (known.every(key => !key.isMaking && isOutOfUse(keys, key))) return
  const before = known.findLast(({ madeAt, isRetired }) => madeAt && !isRetired)?.id ?? known.at(-1)!.id
  const toRetire = known.filter(key => keys.ids.includes(key.id) || !isOutOfUse(keys, key))
  throw new OperatorError({
    needed: `a first secret key that every process on this database accepts already`,
    found: `"${first}", which this database has never seen, where "${before}" was used before`,
    remedy:
      `start every process with the new key behind the old one first, AUTH_SECRET_KEY=${before}:…,${first}:…, ` +
      `and then with the new one in front, AUTH_SECRET_KEY=${first}:…,${before}:…; ` +
      'a restored backup that no process uses takes, three minutes after one has made with a key last, ' +
      `AUTH_SECRET_KEY=${[`${first}:…`, ...toRetire.map(({ id }) => `${id}:…:retired`)].join(',')}`,
  })
}

const isKnown = (id: string, known: readonly KnownSecretKey[]): boolean => known.some(key => key.id === id)

/** Whether it verifies nothing: by the settings, or where they lack it, since it is retired or never made anything. */
const isOutOfUse = (keys: KeyRing, { id, isRetired, madeAt }: KnownSecretKey): boolean =>
  keys.ids.includes(id) ? !keys.accepts(id) : isRetired || madeAt === null

function refuseWhileMaking(keys: KeyRing, key: KnownSecretKey): void {
  const { id, isMaking, madeAt } = key
  if (!isMaking) return
  throw new OperatorError({
    needed: `the secret key "${id}", which a process on this database made with at ${madeAt!.toISOString()}`,
    found: `AUTH_SECRET_KEY with ${listOf(keys)} only`,
    remedy:
      `start every process with AUTH_SECRET_KEY=${keys.ids[0]}:…,${settingOf(key)} before one leaves "${id}" out; ` +
      'three minutes after the last one was stopped that made with it, it can be left out',
  })
}

async function refuseWhileNeeded(
  db: Queryable,
  keys: KeyRing,
  key: KnownSecretKey,
  uses: readonly SecretKeyUse[],
): Promise<void> {
  const { id, retiredAt, isRetired } = key
  const needs: string[] = []
  for (const { what, count, endsWithKey } of uses) {
    if (endsWithKey && isRetired) continue
    const number = await count(db, id)
    if (number > 0) needs.push(`${number} ${what}`)
  }
  if (needs.length === 0) return
  throw new OperatorError({
    needed: `the secret key "${id}", which ${needs.join(', ')} of this database still need`,
    found: `AUTH_SECRET_KEY with ${listOf(keys)} only`,
    remedy:
      `add the key behind the first one, AUTH_SECRET_KEY=${keys.ids[0]}:…,${settingOf(key)}` +
      (retiredAt ? '' : `, or ${id}:…:retired to end what clients hold of it`) +
      '; auth-service secrets status says when it can be left out',
  })
}

const listOf = (keys: KeyRing) => keys.ids.map(each => `"${each}"`).join(', ')

const namedCheck = (keys: KeyRing, id: string) => ({
  id,
  checkValue: createHash('sha256').update(keys.checkKeyOf(id)).digest(),
})
