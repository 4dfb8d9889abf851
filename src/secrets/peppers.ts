import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import type { Database, DatabaseTransaction, Queryable } from '../storage/database.ts'
import type { KeyRing, NamedKey } from './key-ring.ts'
import { KeysUnavailableError } from './other-keys.ts'
import { allPeppers, insertDerivedPepper, insertPepper, resealPepper, type StoredPepper } from './pepper-store.ts'
import { seal, unseal } from './sealing.ts'

const BYTES = 32 // 256 bits

/**
 * The peppers of passwords: keys of their own, sealed in the database by the secret key, so that a secret key can be
 * replaced without anybody's password.
 */
export class Peppers {
  readonly #database: Database
  readonly #keys: KeyRing
  readonly #opened = new Map<string, KeyObject>()
  #current: NamedKey | undefined
  #closed: StoredPepper[] = []

  private constructor(database: Database, keys: KeyRing) {
    this.#database = database
    this.#keys = keys
  }

  static async open(database: Database, keys: KeyRing): Promise<Peppers> {
    const peppers = new Peppers(database, keys)
    await peppers.load()
    return peppers
  }

  /**
   * The pepper of new passwords.
   * @throws KeysUnavailableError when one of the peppers cannot be opened here. Then no password is judged: else an address
   *   would be told from another by whose pepper can be opened.
   */
  get current(): NamedKey {
    const [closed] = this.#closed
    if (closed)
      throw new KeysUnavailableError(
        `the secret key "${closed.sealedWith}" is missing in AUTH_SECRET_KEY, which a pepper is sealed with`,
      )
    return this.#current!
  }

  /**
   * The pepper of that id; another process may just have made it. Undefined for one that does not exist.
   * @throws KeysUnavailableError as {@link current} does
   */
  async byId(id: string): Promise<KeyObject | undefined> {
    const found = this.#opened.get(id) ?? this.#derived(id)
    if (found) return found
    await this.load()
    void this.current
    return this.#opened.get(id)
  }

  /** Loads what other processes made. Every twenty seconds, and when an unknown one is met. */
  async load(): Promise<void> {
    const stored = await allPeppers(this.#database)
    const { sealing } = this.#keys
    for (const pepper of stored)
      if (!this.#opened.has(pepper.id) && sealing.byId(pepper.sealedWith))
        this.#opened.set(pepper.id, createSecretKey(opened(this.#keys, pepper)))
    this.#closed = stored.filter(({ id }) => !this.#opened.has(id))
    const newest = stored[0]
    const key = newest && this.#opened.get(newest.id)
    this.#current = key && { id: newest.id, key }
  }

  // What a process of the version before wrote, after this one had imported what there was.
  #derived(id: string): KeyObject | undefined {
    return this.#keys.ids.includes(id) ? createSecretKey(this.#keys.derivedPepperOf(id)) : undefined
  }
}

/** How many passwords were hashed with the pepper of that id. */
export type CountPasswords = (db: Queryable, pepperId: string) => Promise<number>

/**
 * Brings the peppers in the database to what these secret keys ask for: seals all with the first one, imports those
 * that were derived from a secret key, and makes a new one where there is none, or the newest was made with a secret key
 * that is accepted no more: who has had that key may know it.
 */
export async function resealPeppers(
  transaction: DatabaseTransaction,
  keys: KeyRing,
  countPasswords: CountPasswords,
): Promise<void> {
  const { sealing } = keys
  const stored = await allPeppers(transaction)
  for (const pepper of stored) {
    if (pepper.sealedWith === sealing.current.id) continue
    const { sealed, sealedWith } = seal(sealing, labelOf(pepper.id), opened(keys, pepper))
    await resealPepper(transaction, pepper.id, sealed, sealedWith)
  }
  for (const id of keys.ids) {
    if (stored.some(pepper => pepper.id === id) || (await countPasswords(transaction, id)) === 0) continue
    const { sealed, sealedWith } = seal(sealing, labelOf(id), keys.derivedPepperOf(id))
    await insertDerivedPepper(transaction, { id, sealedKey: sealed, sealedWith })
  }
  const [newest] = await allPeppers(transaction)
  if (newest && keys.accepts(newest.createdWith)) return
  const id = `pepper-${randomBytes(6).toString('hex')}` // no id of a secret key holds a hyphen
  const { sealed, sealedWith } = seal(sealing, labelOf(id), randomBytes(BYTES))
  await insertPepper(transaction, { id, sealedKey: sealed, sealedWith, createdWith: sealedWith })
}

const opened = (keys: KeyRing, { id, sealedKey, sealedWith }: StoredPepper): Buffer =>
  unseal(keys.sealing, labelOf(id), { sealed: Buffer.from(sealedKey), sealedWith })

const labelOf = (id: string) => `pepper ${id}`
