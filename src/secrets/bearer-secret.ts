import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { NamedKey, PurposeKeys } from './key-ring.ts'

const CHECKSUM_BYTES = 4
const INTACT = /^(authsvc_[a-z]{2}_[A-Za-z0-9]{1,16})\.((?:[A-Za-z0-9_-]{4}){10,25})$/

/**
 * A secret that proves itself: a payload and a MAC over it, so that a forged or garbled one is refused without asking
 * the database, and nothing that yields one is stored.
 *
 * Written as `<prefix><key id>.<base64url of payload, MAC and CRC-32>`. The prefix and the checksum let secret
 * scanners know one with certainty. The lengths leave no spare bits in the base64, so that each secret has one
 * spelling.
 */
export class BearerSecret {
  readonly #prefix: string
  readonly #payloadBytes: number
  readonly #macBytes: number
  readonly #keys: PurposeKeys
  readonly #pattern: RegExp

  /** @param form.macBytes at least 16: 128 bits that cannot be guessed (RFC 6749 section 10.10) */
  constructor(form: { prefix: string; payloadBytes: number; macBytes: number; keys: PurposeKeys }) {
    const bytes = form.payloadBytes + form.macBytes + CHECKSUM_BYTES
    if (bytes % 3 !== 0 || form.macBytes < 16)
      throw new Error(`A secret of ${bytes} bytes would have more than one spelling`)
    this.#prefix = form.prefix
    this.#payloadBytes = form.payloadBytes
    this.#macBytes = form.macBytes
    this.#keys = form.keys
    this.#pattern = new RegExp(`^${form.prefix}([A-Za-z0-9]{1,16})\\.([A-Za-z0-9_-]{${(bytes / 3) * 4}})$`)
  }

  /** The secret for this payload. The same payload and key give the same secret. */
  make(payload: Buffer, { id, key }: NamedKey = this.#keys.current): string {
    const body = Buffer.concat([payload, this.#mac(payload, key)])
    const checksum = Buffer.alloc(CHECKSUM_BYTES)
    checksum.writeUInt32BE(checksumOf(this.#prefix + id, body))
    return `${this.#prefix}${id}.${Buffer.concat([body, checksum]).toString('base64url')}`
  }

  /**
   * The payload of a genuine secret; undefined for anything else, and for one whose key is retired.
   * @throws UnavailableError when another process made it with a key that this one lacks
   */
  async open(secret: string): Promise<Buffer | undefined> {
    const [, id, encoded] = this.#pattern.exec(secret) ?? []
    if (!id || !encoded) return undefined
    const body = bodyIn(this.#prefix + id, encoded)
    if (!body) return undefined
    const found = this.#keys.byId(id) // at once, for a key of our own: every refresh comes here
    const key = found instanceof Promise ? await found : found
    if (!key) return undefined
    const payload = body.subarray(0, this.#payloadBytes)
    return timingSafeEqual(this.#mac(payload, key), body.subarray(this.#payloadBytes)) ? payload : undefined
  }

  #mac(payload: Buffer, key: KeyObject): Buffer {
    return createHmac('sha256', key).update(payload).digest().subarray(0, this.#macBytes)
  }
}

/**
 * Whether a text is a secret of any kind as this service writes them, whoever made it. One that is intact and not
 * genuine was made with a key that is retired, left out or lost, or is forged; no mistake makes one.
 */
export function isIntact(secret: string): boolean {
  const [, start, encoded] = INTACT.exec(secret) ?? []
  return start !== undefined && encoded !== undefined && bodyIn(start, encoded) !== undefined
}

/** Payload and MAC; undefined where the checksum is wrong. @param start prefix and key id */
function bodyIn(start: string, encoded: string): Buffer | undefined {
  const bytes = Buffer.from(encoded, 'base64url')
  const body = bytes.subarray(0, -CHECKSUM_BYTES)
  return bytes.readUInt32BE(body.length) === checksumOf(start, body) ? body : undefined
}

const checksumOf = (start: string, body: Buffer): number => crc32(body, crc32(start))

/** A UUID's 16 bytes. */
export const uuidBytes = (id: string): Buffer => Buffer.from(id.replaceAll('-', ''), 'hex')

/** The UUID of 16 bytes. */
export function uuidOf(bytes: Buffer): string {
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
