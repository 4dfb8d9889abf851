import { BearerSecret, uuidBytes, uuidOf } from '../secrets/bearer-secret.ts'
import type { NamedKey, PurposeKeys } from '../secrets/key-ring.ts'

/** What a refresh token says: which session, and which generation of its tokens. */
export type RefreshTokenContent = { sessionId: string; generation: number }

const GENERATION_OFFSET = 16 // behind the 16 bytes of the session's id

/** Refresh tokens, `authsvc_rt_…`: a session's id, a generation, and a MAC of 144 bits over both. */
export class RefreshTokens {
  readonly #secret: BearerSecret
  /** Id of the secret key that new tokens are made with. */
  readonly keyId: string

  constructor(keys: PurposeKeys) {
    this.#secret = new BearerSecret({ prefix: 'authsvc_rt_', payloadBytes: 20, macBytes: 18, keys })
    this.keyId = keys.current.id
  }

  make({ sessionId, generation }: RefreshTokenContent, key?: NamedKey): string {
    const payload = Buffer.concat([uuidBytes(sessionId), Buffer.alloc(4)])
    payload.writeUInt32BE(generation, GENERATION_OFFSET)
    return this.#secret.make(payload, key)
  }

  /** What a genuine token says; undefined for a garbled or forged one. @throws as `BearerSecret.open` does */
  async open(token: string): Promise<RefreshTokenContent | undefined> {
    const payload = await this.#secret.open(token)
    if (!payload) return undefined
    const sessionId = uuidOf(payload.subarray(0, GENERATION_OFFSET))
    return { sessionId, generation: payload.readUInt32BE(GENERATION_OFFSET) }
  }
}
