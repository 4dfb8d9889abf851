import { v7 as uuidv7 } from 'uuid'
import type { Counter } from '../metrics.ts'
import type { PurposeKeys } from '../secrets/key-ring.ts'
import type { Database, DatabaseTransaction } from '../storage/database.ts'
import type { AccessTokens } from '../tokens/access-token.ts'
import { RefreshTokens } from './refresh-token.ts'
import { rotate, type Verdict } from './rotate.ts'
import { RotationBatches } from './rotation-batches.ts'
import { displaceSessions, endSession, insertSession, type Session, type SessionLifetimes } from './session-store.ts'

export type SessionsOptions = {
  database: Database
  /** Where refresh tokens are exchanged. */
  refreshDatabase: Database
  /** What refresh tokens are made with. */
  keys: PurposeKeys
  accessTokens: AccessTokens
  lifetimes: SessionLifetimes
  /** Live sessions that an account has at the most. */
  mostPerAccount: number
  /** Seconds. */
  grace: number
  /** Counts what presented refresh tokens turned out to be. */
  exchanges: Counter<'outcome'>
}

export type StartedSession = Session & { refreshToken: string }

/** Why a refresh token is refused. */
export type RefusalReason = 'expired' | 'revoked' | 'reused' | 'malformed'

export type Exchange =
  | { accessToken: string; expiresIn: number; refreshToken: string; sessionId: string }
  | { refused: RefusalReason }

/** Sessions and their refresh tokens. */
export class Sessions {
  readonly #options: SessionsOptions
  readonly #tokens: RefreshTokens
  readonly #batches: RotationBatches

  constructor(options: SessionsOptions) {
    const { refreshDatabase, keys, lifetimes, grace } = options
    this.#options = options
    this.#tokens = new RefreshTokens(keys)
    const settings = { grace, idleTtl: lifetimes.idle, tokenKey: this.#tokens.keyId }
    this.#batches = new RotationBatches(presented =>
      rotate(refreshDatabase, presented, { ...settings, retiredKeys: keys.retired }),
    )
  }

  /**
   * Starts a session for an account whose password was just verified. Where the account has as many as it may, the one
   * that has been idle for the longest ends.
   * @param verified the account, at the revision that the password was verified against
   * @param network where the request comes from; see `networkOf`
   * @returns undefined when the account has been disabled or changed since
   */
  async start(
    transaction: DatabaseTransaction,
    verified: { id: string; revision: number },
    network: string,
  ): Promise<StartedSession | undefined> {
    const session = await insertSession(transaction, {
      id: uuidv7(),
      accountId: verified.id,
      accountRevision: verified.revision,
      amr: ['pwd'],
      lifetimes: this.#options.lifetimes,
      tokenKey: this.#tokens.keyId,
    })
    if (!session) return undefined
    await displaceSessions(transaction, {
      accountId: verified.id,
      newest: session.id,
      most: this.#options.mostPerAccount,
      network,
    })
    return { ...session, refreshToken: this.#tokens.make({ sessionId: session.id, generation: 1 }) }
  }

  /**
   * Exchanges a refresh token for an access token and the refresh token's successor (RFC 6749 section 6, RFC 9700
   * section 4.14.2). Repeating it, at once or after a lost answer, is safe.
   * @param network where the request comes from; see `networkOf`
   */
  async exchange(refreshToken: string, network: string): Promise<Exchange> {
    const content = await this.#tokens.open(refreshToken)
    if (!content) return this.#counted('malformed', { refused: 'malformed' })
    this.#options.accessTokens.ensureSigning() // before the token is traded in
    const rotation = await this.#batches.rotate({ ...content, network })
    if (!rotation) return this.#counted('expired', { refused: 'expired' }) // deleted, long after its end
    const { verdict, sessionId, generation, tokenKey, accountId, authenticatedAt, amr } = rotation
    if (isRefusal(verdict)) return this.#counted(verdict, { refused: verdict })
    const accessToken = this.#options.accessTokens.issue({
      accountId,
      sessionId,
      authenticatedAt,
      amr: amr.split(' '),
    })
    const successor = this.#tokens.make({ sessionId, generation }, await this.#options.keys.toMakeAnew(tokenKey))
    const expiresIn = this.#options.accessTokens.ttl
    return this.#counted(verdict, { accessToken, expiresIn, refreshToken: successor, sessionId })
  }

  /**
   * Ends the session that a genuine token belongs to: any generation of its refresh tokens, or an access token.
   * For anything else it does nothing (RFC 7009 section 2.2).
   * @param network where the request comes from; see `networkOf`
   */
  async revoke(token: string, network: string): Promise<void> {
    const sessionId =
      (await this.#tokens.open(token))?.sessionId ?? (await this.#options.accessTokens.verify(token))?.sessionId
    if (sessionId !== undefined) await endSession(this.#options.database, sessionId, network)
  }

  #counted<Outcome extends Exchange>(outcome: Verdict | 'malformed', exchange: Outcome): Outcome {
    this.#options.exchanges.inc({ outcome })
    return exchange
  }
}

// What is not known to be good is refused, such as a verdict that a newer process has brought to the database.
const isRefusal = (verdict: Verdict): verdict is 'expired' | 'revoked' | 'reused' =>
  verdict !== 'current' && verdict !== 'repeated' && verdict !== 'answer_lost'
