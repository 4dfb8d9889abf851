import { createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto'

/** A secret key of the service with the name that what it makes bears. */
type SecretKey = { readonly id: string; readonly key: Buffer }

/**
 * The same for one purpose. It is a KeyObject, since Node makes one of anything else at each use, which takes five times
 * as long as a MAC itself.
 */
export type NamedKey = { readonly id: string; readonly key: KeyObject }

const KEY_BYTES = 32 // 256 bits
const ID = /^[A-Za-z0-9]{1,16}$/

/**
 * The secret keys of the service: the first makes, all verify.
 *
 * They are never used as they are; {@link KeyRing.for} derives a key for each purpose (HKDF-SHA-256, RFC 5869).
 */
export class KeyRing {
  readonly #keys: readonly SecretKey[]

  constructor(keys: readonly [SecretKey, ...SecretKey[]]) {
    this.#keys = keys
  }

  /**
   * @param text `id:base64 of 32 bytes`, several by commas
   * @throws Error that says what was needed, without showing the text
   */
  static parse(this: void, text: string): KeyRing {
    const keys = text.split(',').map(part => parseKey(part.trim()))
    if (new Set(keys.map(({ id }) => id)).size < keys.length) throw new Error('keys of different ids')
    return new KeyRing(keys as [SecretKey, ...SecretKey[]])
  }

  /** A new random key named `id`, in the form that {@link parse} reads. */
  static generate(this: void, id: string): string {
    return `${id}:${randomBytes(KEY_BYTES).toString('base64')}`
  }

  /** @param purpose one name for each use, so that a key of one use is worthless to another */
  for(purpose: string): PurposeKeys {
    const derived = this.#keys.map(({ id, key }) => ({ id, key: derive(key, purpose) }))
    return new PurposeKeys(derived)
  }

  get ids(): string[] {
    return this.#keys.map(({ id }) => id)
  }
}

/** The keys of one purpose, one derived from each secret key. */
export class PurposeKeys {
  readonly #byId: ReadonlyMap<string, NamedKey>
  /** The key that makes. */
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

function parseKey(text: string): SecretKey {
  const colon = text.indexOf(':')
  const [id, encoded] = [text.slice(0, colon), text.slice(colon + 1)]
  if (colon < 1 || !ID.test(id))
    throw new Error('id:base64 of 32 bytes, where the id is 1 to 16 letters and digits; several by commas')
  const key = Buffer.from(encoded, 'base64')
  const isBase64 = /^[A-Za-z0-9+/_-]+={0,2}$/.test(encoded)
  if (!isBase64 || key.length !== KEY_BYTES)
    throw new Error(
      `32 bytes in base64 behind "${id}:" (found ${isBase64 ? `${key.length} bytes` : 'something else than base64'}); ` +
        'openssl rand -base64 32 makes them',
    )
  return { id, key }
}
