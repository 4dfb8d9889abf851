import { createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto'
import { UnavailableError } from '../storage/unavailable.ts'
import { parseSecretKeys, type SecretKey, secretKeyText } from './secret-key-text.ts'

/**
 * The same for one purpose. It is a KeyObject, since Node makes one of anything else at each use, which takes five times
 * as long as a MAC itself.
 */
export type NamedKey = { readonly id: string; readonly key: KeyObject }

/** What is known of the keys that other processes on the same database make with; see `OtherKeys`. */
export type KeysElsewhere = {
  /** @throws UnavailableError when a process elsewhere makes with the key of that id, which this one lacks */
  refuseIfMade(id: string): Promise<void>
}

const KEY_BYTES = 32 // 256 bits
const NO_OTHERS: KeysElsewhere = { refuseIfMade: async () => {} }

/**
 * The secret keys of the service: the first makes; all verify, until their time is over; all open what is sealed.
 *
 * They are never used as they are; HKDF-SHA-256 (RFC 5869) derives a key for each purpose. What a purpose gets depends on
 * what it is for: {@link PurposeKeys} for MACs, {@link SealingKeys} for what the database keeps.
 */
export class KeyRing {
  readonly #keys: readonly SecretKey[]
  readonly #now: () => number
  readonly #elsewhere: KeysElsewhere

  constructor(keys: readonly [SecretKey, ...SecretKey[]], now: () => number = Date.now, elsewhere = NO_OTHERS) {
    this.#keys = keys
    this.#now = now
    this.#elsewhere = elsewhere
  }

  /**
   * @param text see `parseSecretKeys`
   * @param now the clock by which keys retire, in milliseconds
   * @throws Error that says what was needed, without showing the text
   */
  static parse(this: void, text: string, now?: () => number): KeyRing {
    return new KeyRing(parseSecretKeys(text), now)
  }

  /** A new random key named `id`, in the form that {@link parse} reads. */
  static generate(this: void, id: string): string {
    return secretKeyText(id, randomBytes(KEY_BYTES))
  }

  /** The same keys beside those of other processes. */
  beside(elsewhere: KeysElsewhere): KeyRing {
    return new KeyRing(this.#keys as [SecretKey, ...SecretKey[]], this.#now, elsewhere)
  }

  /** Keys for MACs. @param purpose one name for each use, so that a key of one use is worthless to another */
  for(purpose: string): PurposeKeys {
    const derived = this.#keys.map(({ id, key, retiredFrom }) => ({ id, retiredFrom, key: derive(key, purpose) }))
    return new PurposeKeys(derived, this.#now, this.#elsewhere)
  }

  /** Keys that seal what lies in the database. */
  get sealing(): SealingKeys {
    return new SealingKeys(this.#keys.map(({ id, key }) => ({ id, key: derive(key, 'sealing') })))
  }

  /** What tells one key of an id from another, and tells nothing of the key. */
  checkKeyOf(id: string): Buffer {
    return derive(this.#find(id).key, 'check').export()
  }

  /** The pepper that was derived from a key before peppers were keys of their own. */
  derivedPepperOf(id: string): Buffer {
    return derive(this.#find(id).key, 'pepper').export()
  }

  get ids(): string[] {
    return this.#keys.map(({ id }) => id)
  }

  /** From when the key of that id is retired, in milliseconds since 1970; undefined for one that is not. */
  retiredFrom(id: string): number | undefined {
    return this.#find(id).retiredFrom
  }

  /** The time of the retirement that the settings take back for the key of that id, in milliseconds since 1970. */
  unretiredFrom(id: string): number | undefined {
    return this.#find(id).unretiredFrom
  }

  /** Whether MACs of the key of that id are accepted at this moment. */
  accepts(id: string): boolean {
    return this.ids.includes(id) && this.#now() < (this.#find(id).retiredFrom ?? Infinity)
  }

  #find(id: string): SecretKey {
    const found = this.#keys.find(key => key.id === id)
    if (!found) throw new Error(`The secret key ${id} is not configured`)
    return found
  }
}

/** The keys of one purpose that MACs are made and verified with, one derived from each secret key. */
export class PurposeKeys {
  readonly #byId: ReadonlyMap<string, NamedKey & { retiredFrom: number | undefined }>
  readonly #now: () => number
  readonly #elsewhere: KeysElsewhere
  /** Ids of keys that were to make something anew, and that neither this process has nor another one makes with. */
  readonly #nobodys = new Set<string>()
  /** The key that makes. */
  readonly current: NamedKey

  constructor(
    keys: readonly (NamedKey & { retiredFrom: number | undefined })[],
    now: () => number,
    elsewhere: KeysElsewhere,
  ) {
    this.#byId = new Map(keys.map(key => [key.id, key]))
    this.#now = now
    this.#elsewhere = elsewhere
    this.current = keys[0]!
  }

  /** All of them, retired ones too, the one that makes first. */
  get all(): readonly NamedKey[] {
    return [...this.#byId.values()]
  }

  /**
   * The key of that id; undefined for one that is retired by now, and for one that nobody makes with.
   * @throws UnavailableError for one that only other processes have
   */
  byId(id: string): KeyObject | undefined | Promise<undefined> {
    const found = this.#byId.get(id)
    if (!found) return this.#elsewhere.refuseIfMade(id).then(() => undefined)
    return found.retiredFrom === undefined || this.#now() < found.retiredFrom ? found.key : undefined
  }

  /** Ids of those that are retired by now, left out ones too once {@link toMakeAnew} was asked for them. */
  get retired(): string[] {
    const keys = [...this.#byId.values()]
    const own = keys.flatMap(({ id, retiredFrom = Infinity }) => (retiredFrom <= this.#now() ? id : []))
    return [...own, ...this.#nobodys]
  }

  /**
   * The key of that id, to make anew what was made with it.
   * @throws UnavailableError for one that is retired by now, or that this process lacks
   */
  async toMakeAnew(id: string): Promise<NamedKey> {
    const key = await this.byId(id)
    if (key) return { id, key }
    if (!this.#byId.has(id)) this.#nobodys.add(id)
    throw new UnavailableError(`the secret key "${id}" is retired, or missing in AUTH_SECRET_KEY`)
  }
}

/** The keys that seal. Retired ones open, so that what they have sealed can be sealed anew. */
export class SealingKeys {
  readonly #byId: ReadonlyMap<string, NamedKey>
  /** The key that seals. */
  readonly current: NamedKey

  constructor(keys: readonly NamedKey[]) {
    this.#byId = new Map(keys.map(key => [key.id, key]))
    this.current = keys[0]!
  }

  /** All of them, the one that makes first. */
  get all(): readonly NamedKey[] {
    return [...this.#byId.values()]
  }

  /** The key of that id, while it is configured. */
  byId(id: string): KeyObject | undefined {
    return this.#byId.get(id)?.key
  }
}

const derive = (key: Buffer, purpose: string): KeyObject =>
  createSecretKey(Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), `auth/${purpose}/v1`, KEY_BYTES)))
