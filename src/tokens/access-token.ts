import { randomUUID } from 'node:crypto'
import { errors, jwtVerify } from 'jose'
import { SIGNING_ALGORITHMS } from './signing-algorithms.ts'
import type { SigningKeys } from './signing-keys.ts'

/** Whom an access token is about. */
export type AccessTokenSubject = {
  accountId: string
  sessionId: string
  /** When the person authenticated. */
  authenticatedAt: Date
  /** How, RFC 8176. */
  amr: readonly string[]
}

export type AccessTokensOptions = {
  keys: Pick<SigningKeys, 'current' | 'verification' | 'algorithms'>
  /** The public URL: `iss`. */
  issuer: () => string
  audience: () => string
  clientId: string
  /** Seconds. */
  ttl: number
  /** The process's clock, in milliseconds: `iat` and `exp` alone follow it. */
  now: () => number
}

const TYPE = 'at+jwt'

/** Issues and verifies access tokens: JWTs after RFC 9068. */
export class AccessTokens {
  readonly #options: AccessTokensOptions

  constructor(options: AccessTokensOptions) {
    this.#options = options
  }

  /** Seconds that a token is good for. */
  get ttl(): number {
    return this.#options.ttl
  }

  /** Throws what {@link issue} would, for whoever has something to do first. @throws UnavailableError */
  ensureSigning(): void {
    void this.#options.keys.current
  }

  /**
   * A signed token. Synchronous on purpose: signing takes microseconds, while a place in the thread pool, which
   * password hashing shares, can take long.
   * @throws UnavailableError while nothing can be signed
   */
  issue({ accountId, sessionId, authenticatedAt, amr }: AccessTokenSubject): string {
    const { keys, issuer, audience, clientId, ttl, now } = this.#options
    const { id, algorithm, privateKey } = keys.current
    const iat = Math.floor(now() / 1_000)
    const claims = {
      iss: issuer(),
      aud: audience(),
      sub: accountId,
      client_id: clientId,
      iat,
      exp: iat + ttl,
      jti: randomUUID(), // Node keeps random bytes for it, which makes it ten times as fast as an id in order
      sid: sessionId,
      auth_time: Math.floor(authenticatedAt.getTime() / 1_000),
      amr,
    }
    const input = `${encoded({ alg: algorithm, typ: TYPE, kid: id })}.${encoded(claims)}`
    return `${input}.${SIGNING_ALGORITHMS[algorithm].sign(privateKey, Buffer.from(input)).toString('base64url')}`
  }

  /**
   * Verifies a token as RFC 9068 section 4 asks.
   * @returns the account and session it is about; undefined when it is not a good token of ours
   */
  async verify(token: string): Promise<{ accountId: string; sessionId: string } | undefined> {
    const { keys, issuer, audience, clientId, now } = this.#options
    if (!hasOneSpelling(token)) return undefined
    try {
      const { payload } = await jwtVerify(token, keys.verification, {
        algorithms: keys.algorithms,
        typ: TYPE,
        issuer: issuer(),
        audience: audience(),
        requiredClaims: ['exp', 'iat', 'jti', 'sub', 'sid', 'client_id'],
        currentDate: new Date(now()),
      })
      const { sub, sid, client_id, aud } = payload
      if (typeof sub !== 'string' || typeof sid !== 'string' || client_id !== clientId || typeof aud !== 'string')
        return undefined
      return { accountId: sub, sessionId: sid }
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined
      throw error
    }
  }
}

/**
 * Whether there are three parts, each base64url as it has to be written (RFC 7515 section 2): without padding, white
 * space or spare bits, which decoders overlook. Else one signature would have many tokens.
 */
function hasOneSpelling(token: string): boolean {
  const parts = token.split('.', 4) // a token of thousands of dots costs no more than others of its size
  return parts.length === 3 && parts.every(part => Buffer.from(part, 'base64url').toString('base64url') === part)
}

const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
