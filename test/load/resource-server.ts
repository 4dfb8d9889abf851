import { setTimeout as pause } from 'node:timers/promises'
import { createRemoteJWKSet, customFetch, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'

const USUAL_CACHE = 10 // minutes, as jose has it
const USUAL_COOLDOWN = 0.5 // minutes
const VERIFIED_AT = [0, 0.5, 0.8] // shares of a token's life

/** What verifies access tokens elsewhere: it knows where the key set lies, and keeps what it fetched. */
export class ResourceServer {
  readonly #issuer: string
  readonly #keySet: ReturnType<typeof createRemoteJWKSet>
  readonly #verifying = new Set<Promise<void>>()
  readonly #found = { verifications: 0, refused: 0, fetches: 0, keys: new Set<string>(), faults: new Set<string>() }

  /** @param every seconds that stand for five minutes */
  constructor(url: string, issuer: string, every: number) {
    const minute = (every / 5) * 1_000 // milliseconds
    this.#issuer = issuer
    this.#keySet = createRemoteJWKSet(new URL('/.well-known/jwks.json', url), {
      cacheMaxAge: USUAL_CACHE * minute,
      cooldownDuration: USUAL_COOLDOWN * minute,
      [customFetch]: (...request: Parameters<typeof fetch>) => {
        this.#found.fetches++
        return fetch(...request)
      },
    })
  }

  /** Verifies a token now and again, as long as it is good. */
  accept(token: string): void {
    this.#found.keys.add(decodeProtectedHeader(token).kid!)
    const { iat, exp } = decodeJwt(token)
    for (const share of VERIFIED_AT) {
      const verifying = this.#verify(token, iat! + share * (exp! - iat!), exp!)
      this.#verifying.add(verifying)
      void verifying.then(() => this.#verifying.delete(verifying))
    }
  }

  /** Waits for what is still to be verified. */
  async ended() {
    await Promise.all(this.#verifying)
    return this.#found
  }

  async #verify(token: string, at: number, exp: number): Promise<void> {
    await pause(Math.max(0, at * 1_000 - Date.now()))
    if (Date.now() > (exp - 1) * 1_000) return // too late on a busy machine
    this.#found.verifications++
    try {
      const expected = { issuer: this.#issuer, audience: this.#issuer, typ: 'at+jwt', algorithms: ['ES256'] }
      await jwtVerify(token, this.#keySet, expected)
    } catch (error) {
      this.#found.refused++
      this.#found.faults.add((error as Error).message)
    }
  }
}
