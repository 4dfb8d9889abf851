import assert from 'node:assert/strict'

/** In seconds. Short, so that a history crosses all of them. */
export const LIFETIMES = { grace: 30, accessToken: 300, idle: 3_600, session: 3 * 3_600, confirmation: 2 * 3_600 }

/** What a refresh token may get: a token that nobody has seen, the current one again, or a refusal with its reason. */
export type Outcome = 'new' | 'same' | 'expired' | 'revoked' | 'reused'

/** A session as the decision about refresh tokens describes it, in no way as the service stores it. */
export class SessionModel {
  readonly startedAt: number
  #usedAt: number
  /** Every token that anybody has seen, the oldest first. */
  readonly tokens: string[]
  /** Undefined while its answer is lost. */
  #current: string | undefined
  #predecessor: string | undefined
  #rotatedAt: number
  readonly #tradedAt = new Map<string, number>()
  /** Tokens that were skipped, or are older than a lost answer. */
  readonly #outOfGrace = new Set<string>()
  ended: 'revoked' | 'reused' | undefined
  /** What the owner's client holds, and what a thief has copied and gone on with. */
  honest: string
  copy: string | undefined
  /** Whether anybody but the owner's one client has shown a token of it. */
  isMeddledWith = false
  readonly accessTokens: { token: string; issuedAt: number }[] = []

  constructor(token: string, now: number) {
    this.startedAt = this.#usedAt = this.#rotatedAt = now
    this.tokens = [token]
    this.#current = this.honest = token
  }

  isExpired(now: number): boolean {
    return now >= Math.min(this.startedAt + LIFETIMES.session * 1_000, this.#usedAt + LIFETIMES.idle * 1_000)
  }

  /** What showing a token now may come to; two are possible between one and two grace periods. */
  outcomesOf(token: string, now: number): Outcome[] {
    const grace = LIFETIMES.grace * 1_000
    if (this.ended) return [this.ended]
    if (this.isExpired(now)) return ['expired']
    if (token === this.#current) return ['new']
    if (token === this.#predecessor) return now - this.#rotatedAt <= grace ? ['same'] : ['new']
    if (this.#outOfGrace.has(token)) return ['reused']
    const age = now - this.#tradedAt.get(token)!
    return age <= grace ? ['same'] : age >= 2 * grace ? ['reused'] : ['same', 'reused']
  }

  /** Goes on from what happened. @param received undefined when the answer was lost */
  shown(token: string, outcome: Outcome, received: string | undefined, now: number): void {
    if (outcome === 'reused') this.ended = 'reused'
    if (outcome === 'same') this.#current ??= received
    if (outcome === 'same') assert.equal(received, this.#current, 'within the grace it is the current token again')
    if (outcome === 'new') this.#rotate(token, received, now)
    if (received && !this.tokens.includes(received)) this.tokens.push(received)
  }

  /** That its rotation was seen in the database, as its answer did not arrive. */
  rotatedUnseen(token: string, now: number): void {
    this.#rotate(token, undefined, now)
  }

  end(): void {
    this.ended ??= 'revoked'
  }

  #rotate(token: string, received: string | undefined, now: number): void {
    assert.ok(!received || !this.tokens.includes(received), 'a successor is a token that nobody has had')
    if (token !== this.#current) {
      if (this.#current) this.#outOfGrace.add(this.#current)
      for (const older of this.#tradedAt.keys()) if (older !== token) this.#outOfGrace.add(older)
    }
    this.#predecessor = token
    this.#tradedAt.set(token, now)
    this.#current = received
    this.#rotatedAt = this.#usedAt = now
  }
}
