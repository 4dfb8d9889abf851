import { createPrivateKey, type KeyObject } from 'node:crypto'
import { calculateJwkThumbprint, createLocalJWKSet, exportJWK, type JWK } from 'jose'
import { recordEvent } from '../audit/audit-store.ts'
import type { Logger } from '../log.ts'
import type { SealingKeys } from '../secrets/key-ring.ts'
import { KeysUnavailableError } from '../secrets/other-keys.ts'
import { seal, unseal } from '../secrets/sealing.ts'
import { type Database, type DatabaseTransaction, inTransaction } from '../storage/database.ts'
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from './signing-algorithms.ts'
import {
  allSigningKeys,
  deleteOtherSigningKeys,
  deleteOutlivedSigningKeys,
  deleteScheduledSigningKeys,
  deleteSigningKey,
  hasSignedFor,
  insertSigningKey,
  lockSigningKeys,
  resealSigningKey,
  type StoredSigningKey,
  scheduleSigningKey,
} from './signing-key-store.ts'

const ROTATED_AFTER = 90 * 86_400 // seconds

/** So long a process goes on signing without having seen that its key has not been dropped. */
const LONGEST_UNSEEN = 5 * 60_000 // milliseconds

export type SigningKeysOptions = {
  /** Where keys are changed. */
  database: Database
  /** Where they are loaded from: not to wait behind what changes them, or any other background work. As above by default. */
  loadingDatabase?: Database
  /** What private keys are sealed with in the database. */
  sealing: SealingKeys
  /** What this process is set to. */
  algorithm: SigningAlgorithm
  /** Is told when other processes are set to another algorithm. */
  logger?: Pick<Logger, 'warn'>
  /** Seconds; a key stays as long as what it signed. */
  accessTokenTtl: number
  /** Milliseconds on a clock that nobody sets. */
  elapsed?: () => number
}

export type CurrentSigningKey = { id: string; algorithm: SigningAlgorithm; privateKey: KeyObject }

/**
 * The keys that sign access tokens.
 *
 * There is always a next one, published in the JWKS before its time, so that no verifier ever meets a token whose key
 * it could not have fetched. A rotation only gives the next key its hour; who plays which part follows from the hours.
 */
export class SigningKeys {
  readonly #options: SigningKeysOptions
  readonly #elapsed: () => number
  #current: CurrentSigningKey | undefined
  /**
   * Whether the keys once had the algorithm of this process. From then on it changes that no more: while some processes are
   * set to another one, which a change of the setting causes too, the last to start decides, and they do not rotate in turns.
   * What it decides takes the place of whatever was to sign later, so that a mistake can be taken back before it signs.
   */
  #hadItsAlgorithm = false
  #hasWarned = false
  /** When the database was asked that told last, with nothing amiss, that the current key signs. */
  #seenAt = -Infinity
  #loads = 0
  #lastLoaded = 0
  #published: readonly JWK[] = []
  #verification = createLocalJWKSet({ keys: [] })

  private constructor(options: SigningKeysOptions) {
    this.#options = options
    this.#elapsed = options.elapsed ?? (() => performance.now())
  }

  /** Makes the first keys where there are none, and loads them. */
  static async open(options: SigningKeysOptions): Promise<SigningKeys> {
    const keys = new SigningKeys(options)
    await keys.maintain()
    return keys
  }

  /** For a command that rotates: nothing is made or changed before, whatever algorithm its shell is set to. */
  static forCommand(options: SigningKeysOptions): SigningKeys {
    return new SigningKeys(options)
  }

  /**
   * The key that signs now.
   * @throws KeysUnavailableError when there is none: it was dropped and the next one could not be loaded, or for five minutes
   *   nothing could be, so that it may have been dropped
   */
  get current(): CurrentSigningKey {
    if (this.#current && this.#elapsed() - this.#seenAt <= LONGEST_UNSEEN) return this.#current
    throw new KeysUnavailableError(
      'the keys that sign access tokens could not be loaded, and the one of before may be dropped',
    )
  }

  /** What verifiers need, as a JWK Set (RFC 7517 section 5): public members only. */
  get jwks(): { keys: readonly JWK[] } {
    return { keys: this.#published }
  }

  /** Finds the published key that a token names, for `jwtVerify`. */
  get verification(): ReturnType<typeof createLocalJWKSet> {
    return this.#verification
  }

  /** The algorithms of the published keys; no other is accepted. */
  get algorithms(): string[] {
    return [...new Set(this.#published.map(({ alg }) => alg as string))]
  }

  /** Rotates when it is time, drops what nobody needs any more, and loads what holds from then on. Every minute. */
  async maintain(): Promise<void> {
    await this.#maintain()
    await this.load()
  }

  async #maintain(): Promise<void> {
    const algorithm = await inTransaction(this.#options.database, async transaction => {
      await lockSigningKeys(transaction)
      const decided = await this.#rotateWhenDue(transaction)
      await deleteOutlivedSigningKeys(transaction, this.#options.accessTokenTtl)
      return decided
    })
    const isItsOwn = algorithm === this.#options.algorithm
    if (!isItsOwn && !this.#hasWarned) this.#warnOf(algorithm)
    this.#hadItsAlgorithm ||= isItsOwn
    this.#hasWarned = !isItsOwn
  }

  #warnOf(algorithm: SigningAlgorithm): void {
    const setting = { AUTH_SIGNING_ALG: this.#options.algorithm, algorithm }
    const message = this.#hadItsAlgorithm
      ? 'a process with another AUTH_SIGNING_ALG has changed the algorithm of access tokens; set it alike in all'
      : 'the change of AUTH_SIGNING_ALG waits for a key that signs within the next minute'
    this.#options.logger?.warn(setting, message)
  }

  /**
   * Lets the next key sign: once every verifier can know it, 15 minutes after it was published.
   * @param dropCurrent for a key that leaked: the next one signs at once, and the current one leaves the JWKS with those
   *   that signed before it and those that a rotation has given their hour, so that access tokens that any of them signed are
   *   refused as soon as verifiers fetch the set again
   * @param operator who asks for it
   */
  async rotate({ dropCurrent, operator }: { dropCurrent: boolean; operator?: string }): Promise<void> {
    await inTransaction(this.#options.database, async transaction => {
      await lockSigningKeys(transaction)
      const { next } = await this.#ensureKeys(transaction)
      await scheduleSigningKey(transaction, next.id, dropCurrent ? 'at once' : 'once known')
      if (dropCurrent) await deleteOtherSigningKeys(transaction, next.id)
      const type = dropCurrent ? 'signing_key.dropped' : 'signing_key.rotated'
      await recordEvent(transaction, type, { reason: 'command', operator })
      await this.#generate(transaction, next.algorithm)
    })
    await this.load()
  }

  async #ensureKeys(transaction: DatabaseTransaction): Promise<EnsuredKeys> {
    const keys = await allSigningKeys(transaction)
    const current = keys.find(({ role }) => role === 'current')
    const latest = keys.find(({ role, signsFrom }) => role === 'next' && signsFrom !== null) ?? current
    const next = keys.find(({ role, signsFrom }) => role === 'next' && signsFrom === null)
    if (current && latest && next) return { next, current, latest }
    if (!current) await this.#generate(transaction, this.#options.algorithm, { signsNow: true })
    if (!next) await this.#generate(transaction, latest?.algorithm ?? this.#options.algorithm)
    return this.#ensureKeys(transaction)
  }

  /** @returns the algorithm that is signed with from the latest rotation on */
  async #rotateWhenDue(transaction: DatabaseTransaction): Promise<SigningAlgorithm> {
    const { latest: before } = await this.#ensureKeys(transaction)
    const isToDecide = !this.#hadItsAlgorithm && before.algorithm !== this.#options.algorithm
    if (isToDecide) await deleteScheduledSigningKeys(transaction)
    const { next, current, latest } = await this.#ensureKeys(transaction)
    const nothingScheduled = latest === current
    const isDue = nothingScheduled && (await hasSignedFor(transaction, current.id, ROTATED_AFTER))
    const isToChange = nothingScheduled && isToDecide
    const algorithm = isToChange ? this.#options.algorithm : latest.algorithm
    if (next.algorithm !== algorithm) {
      await deleteSigningKey(transaction, next.id) // it has never signed
      await this.#generate(transaction, algorithm)
    }
    if (!isToChange && !isDue) return algorithm
    const { next: successor } = await this.#ensureKeys(transaction)
    await scheduleSigningKey(transaction, successor.id, 'once known')
    await recordEvent(transaction, 'signing_key.rotated', { reason: isDue ? 'age' : 'algorithm' })
    await this.#generate(transaction, algorithm)
    return algorithm
  }

  async #generate(
    transaction: DatabaseTransaction,
    algorithm: SigningAlgorithm,
    { signsNow = false } = {},
  ): Promise<void> {
    const { sealing } = this.#options
    const { privateKey, publicKey } = await SIGNING_ALGORITHMS[algorithm].generate()
    const jwk = await exportJWK(publicKey)
    const id = await calculateJwkThumbprint(jwk)
    const { sealed, sealedWith } = seal(sealing, labelOf(id), privateKey.export({ type: 'pkcs8', format: 'der' }))
    const publicJwk = { ...jwk, kid: id, alg: algorithm, use: 'sig' }
    await insertSigningKey(transaction, { id, algorithm, publicJwk, sealedPrivateKey: sealed, sealedWith }, signsNow)
  }

  /**
   * Loads what any process has done to the keys: a dropped one signs no more after this. Every twenty seconds, and
   * whatever becomes of {@link maintain}.
   * @throws KeysUnavailableError when the key that signs is sealed with a secret key that is not configured here
   */
  async load(): Promise<void> {
    const began = this.#elapsed()
    const load = ++this.#loads
    const keys = await allSigningKeys(this.#options.loadingDatabase ?? this.#options.database)
    if (load < this.#lastLoaded) return // one that began later has told already
    this.#lastLoaded = load
    this.#published = keys.map(({ publicJwk }) => publicJwk)
    this.#verification = createLocalJWKSet({ keys: [...this.#published] })
    if (!keys.some(({ id }) => id === this.#current?.id)) this.#current = undefined
    const current = keys.find(({ role }) => role === 'current')
    if (!current) throw new Error('No signing key is current')
    if (this.#current?.id !== current.id) this.#current = this.#opened(current)
    this.#seenAt = began
  }

  #opened({ id, algorithm, ...sealed }: StoredSigningKey): CurrentSigningKey {
    const pkcs8 = unsealSigningKey(this.#options.sealing, { id, ...sealed })
    return { id, algorithm, privateKey: createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }) }
  }
}

type EnsuredKeys = {
  /** Has no hour yet. */
  next: StoredSigningKey
  current: StoredSigningKey
  /** The one that a rotation has given its hour, else the current one. */
  latest: StoredSigningKey
}

/** Seals with the current key whatever signing key another one has sealed. Inside a transaction. */
export async function resealSigningKeys(transaction: DatabaseTransaction, sealing: SealingKeys): Promise<void> {
  await lockSigningKeys(transaction)
  for (const key of await allSigningKeys(transaction)) {
    if (key.sealedWith === sealing.current.id) continue
    const { sealed, sealedWith } = seal(sealing, labelOf(key.id), unsealSigningKey(sealing, key))
    await resealSigningKey(transaction, key.id, sealed, sealedWith)
  }
}

type SealedSigningKey = Pick<StoredSigningKey, 'id' | 'sealedPrivateKey' | 'sealedWith'>

const unsealSigningKey = (sealing: SealingKeys, { id, sealedPrivateKey, sealedWith }: SealedSigningKey): Buffer =>
  unseal(sealing, labelOf(id), { sealed: Buffer.from(sealedPrivateKey), sealedWith })

const labelOf = (id: string) => `signing key ${id}`
