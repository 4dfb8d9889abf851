import { v4 as uuidv4 } from 'uuid'
import { BearerSecret, uuidBytes, uuidOf } from '../secrets/bearer-secret.ts'
import type { PurposeKeys } from '../secrets/key-ring.ts'

/** A device that an account was signed in from. */
export type Device = { accountId: string; id: string }

/**
 * Device tokens, `authsvc_dt_…`: that somebody signed in from here before.
 *
 * One signs nobody in. It only gives the sign-in attempts of a device a counter of their own, so that strangers who
 * guess at the account cannot keep its owner out. Nothing of it is stored.
 */
export class DeviceTokens {
  readonly #secret: BearerSecret

  constructor(keys: PurposeKeys) {
    this.#secret = new BearerSecret({ prefix: 'authsvc_dt_', payloadBytes: 32, macBytes: 18, keys })
  }

  /** The token of a device; of a new one unless the device is known. */
  make(accountId: string, deviceId: string = uuidv4()): string {
    return this.#secret.make(Buffer.concat([uuidBytes(accountId), uuidBytes(deviceId)]))
  }

  /** The device that a genuine token was made for; undefined for anything else. @throws as `BearerSecret.open` does */
  async open(token: string): Promise<Device | undefined> {
    const payload = await this.#secret.open(token)
    return payload && { accountId: uuidOf(payload.subarray(0, 16)), id: uuidOf(payload.subarray(16)) }
  }

  /** The devices that the genuine ones among the tokens were made for. @throws as `BearerSecret.open` does */
  async openAll(tokens: readonly string[]): Promise<Device[]> {
    const opened = await Promise.all(tokens.map(token => this.open(token)))
    return opened.filter(device => device !== undefined)
  }
}
