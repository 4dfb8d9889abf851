import { BearerSecret, uuidBytes, uuidOf } from '../secrets/bearer-secret.ts'
import type { PurposeKeys } from '../secrets/key-ring.ts'

/**
 * Tokens of device links, `authsvc_dl_…`: proof of having the mailbox of an account, which makes a device known to it.
 *
 * Derived from the link's id when its email is sent, and stored nowhere. One signs nobody in and confirms nothing.
 */
export class DeviceLinks {
  readonly #secret: BearerSecret

  constructor(keys: PurposeKeys) {
    this.#secret = new BearerSecret({ prefix: 'authsvc_dl_', payloadBytes: 16, macBytes: 16, keys })
  }

  make(linkId: string): string {
    return this.#secret.make(uuidBytes(linkId))
  }

  /** The id of the link that a genuine token was made for; undefined for anything else. @throws as `BearerSecret.open` does */
  async open(token: string): Promise<string | undefined> {
    const payload = await this.#secret.open(token)
    return payload && uuidOf(payload)
  }
}
