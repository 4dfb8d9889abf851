import { BearerSecret, uuidBytes, uuidOf } from '../secrets/bearer-secret.ts'
import type { PurposeKeys } from '../secrets/key-ring.ts'

/**
 * Confirmation tickets, `authsvc_ct_…`: proof of being the one who signed up.
 *
 * The sign-up's answer holds it, and only that. It confirms nothing without the token of a letter, so that neither an
 * attacker who signs up with a foreign address nor the owner of the address, who clicks, gets far alone.
 */
export class ConfirmationTickets {
  readonly #secret: BearerSecret

  constructor(keys: PurposeKeys) {
    this.#secret = new BearerSecret({ prefix: 'authsvc_ct_', payloadBytes: 16, macBytes: 16, keys })
  }

  make(accountId: string): string {
    return this.#secret.make(uuidBytes(accountId))
  }

  /** The id of the account that a genuine ticket was made for; undefined for anything else. @throws as `BearerSecret.open` does */
  async open(ticket: string): Promise<string | undefined> {
    const payload = await this.#secret.open(ticket)
    return payload && uuidOf(payload)
  }
}
