import { BearerSecret, uuidBytes, uuidOf } from '../../secrets/bearer-secret.ts'
import type { PurposeKeys } from '../../secrets/key-ring.ts'

/**
 * Tokens in letters, `authsvc_lt_…`: proof of having the mailbox.
 *
 * Derived from the letter's id when the letter is sent, and stored nowhere; a letter that is sent twice carries the
 * same link.
 */
export class LetterTokens {
  readonly #secret: BearerSecret

  constructor(keys: PurposeKeys) {
    this.#secret = new BearerSecret({ prefix: 'authsvc_lt_', payloadBytes: 16, macBytes: 16, keys })
  }

  make(letterId: string): string {
    return this.#secret.make(uuidBytes(letterId))
  }

  /** The id of the letter that a genuine token is from; undefined for anything else. @throws as `BearerSecret.open` does */
  async open(token: string): Promise<string | undefined> {
    const payload = await this.#secret.open(token)
    return payload && uuidOf(payload)
  }
}
