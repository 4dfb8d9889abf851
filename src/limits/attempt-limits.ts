import type { Counter as Metric } from '../metrics.ts'
import { isIntact } from '../secrets/bearer-secret.ts'
import type { PurposeKeys } from '../secrets/key-ring.ts'
import { keyedHash } from '../secrets/keyed-hash.ts'
import type { Database, Queryable } from '../storage/database.ts'
import {
  blockedCounters,
  type Counted,
  type Counter,
  countAttempt,
  forgetAttempts,
  giveBackAttempt,
} from './attempt-store.ts'
import { BlockedCounters } from './blocked-counters.ts'
import { LimitRefusal } from './errors.ts'
import { LIMITS, type LimitName } from './limits.ts'

/**
 * What an attempt counts by, such as an address, for each limit that it is subject to. Those come first that fewer share:
 * of several that block, the first one is named.
 */
export type Attempt = { [Name in LimitName]?: readonly string[] }

export type AttemptLimitsOptions = {
  database: Database
  /** What counters are named with, so that nobody reads addresses or networks in their table. */
  keys: PurposeKeys
  /** Whether the limits hold that `AUTH_RATE_LIMITS=off` ends. */
  holdsOptional: boolean
  /** Counts refusals. */
  refusals: Metric<'limit'>
  /** The process's clock, in milliseconds. */
  now: () => number
}

type NamedCounter = Counter & { name: LimitName }
type CountedCounter = Counted<NamedCounter>

/**
 * Limits how often something may be tried, in the database and so across processes.
 *
 * An attempt is counted before it is made, in one statement for all of its limits. So of many parallel guesses only as
 * many are made as the limit has left, and one that never comes to its end has counted.
 */
export class AttemptLimits {
  readonly #options: AttemptLimitsOptions
  readonly #blocked: BlockedCounters<NamedCounter>

  constructor(options: AttemptLimitsOptions) {
    this.#options = options
    this.#blocked = new BlockedCounters(options.now)
  }

  /**
   * Counts an attempt that is about to be made.
   * @param db the transaction that makes it, if that is what decides whether it was made
   *
   * Whoever is blocked by a limit of their own learns nothing of one that others share, such as that of an address: to ask
   * costs them nothing, so they could watch it, and see the attempts of its owner.
   * @throws Refusal `too_many_attempts` with the first limit that blocks it; then it has not been counted
   */
  async count(attempt: Attempt, db: Queryable = this.#options.database): Promise<CountedAttempt> {
    this.refuseKnownBlocked(attempt)
    const counters = this.#countersOf(attempt)
    const counted = counters.length > 0 ? await countAttempt(db, counters) : []
    if (counted.length < counters.length) throw await this.#blockedRefusal(db, counters, counted)
    return new CountedAttempt(this.#options.database, counted)
  }

  /**
   * Counts a secret that is not genuine, unless it is intact: whoever holds one of a key of before has to hear that it is
   * good no more, and not to come later.
   * @throws Refusal `too_many_attempts`
   */
  async countNotGenuine(secret: string, network: string): Promise<void> {
    if (!isIntact(secret)) await this.count({ secret_by_network: [network] })
  }

  /**
   * Refuses at once what was blocked a moment ago, before it waits for its turn to be counted.
   * @throws Refusal `too_many_attempts`
   */
  refuseKnownBlocked(attempt: Attempt): void {
    const known = this.#blocked.find(this.#countersOf(attempt))
    if (known) throw this.#refusal(known.counter, known.seconds)
  }

  async #blockedRefusal(db: Queryable, counters: NamedCounter[], counted: CountedCounter[]): Promise<LimitRefusal> {
    if (counted.length > 0) await giveBackAttempt(db, counted)
    const refusing = counters.filter(({ name }) => !counted.some(other => other.name === name))
    const blocks = await blockedCounters(db, refusing)
    const blockOf = ({ key }: Counter) => blocks.find(block => block.key.equals(key))
    const counter = refusing.find(blockOf)
    if (!counter) return this.#refusal(refusing[0]!, 0) // the block has ended meanwhile
    const { seconds } = blockOf(counter)!
    this.#blocked.note(counters, { counter, seconds })
    return this.#refusal(counter, seconds, true)
  }

  #refusal({ name }: NamedCounter, seconds: number, isFresh = false): LimitRefusal {
    this.#options.refusals.inc({ limit: name })
    const facts = { retryAfter: Math.max(1, Math.ceil(seconds)), limit: name }
    return new LimitRefusal('too_many_attempts', facts, isFresh ? name : undefined)
  }

  #countersOf(attempt: Attempt): NamedCounter[] {
    const { keys, holdsOptional } = this.#options
    return (Object.keys(attempt) as LimitName[])
      .filter(name => attempt[name] && (holdsOptional || !LIMITS[name].isOptional))
      .map(name => ({ name, limit: LIMITS[name], key: keyedHash(keys, name, ...attempt[name]!) }))
  }
}

/** An attempt that has been counted. It stays so unless one of these is called. */
export class CountedAttempt {
  readonly #database: Database
  readonly #counters: readonly CountedCounter[]

  constructor(database: Database, counters: readonly CountedCounter[]) {
    this.#database = database
    this.#counters = counters
  }

  /** Makes the attempt. When that throws, such as for want of a place, it was none and is given back. */
  async make<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work()
    } catch (error) {
      await this.#giveBack(this.#counters).catch(() => {}) // what made it fail is the error to tell
      throw error
    }
  }

  /**
   * It succeeded, so it was no guess.
   * @param clears the limit whose earlier attempts are forgotten as well
   * @param db the transaction that it succeeds with
   */
  async succeeded(clears?: LimitName, db: Queryable = this.#database): Promise<void> {
    const isCleared = ({ name }: CountedCounter) => name === clears
    for (const { key } of this.#counters.filter(isCleared)) await forgetAttempts(db, key)
    await this.#giveBack(
      this.#counters.filter(counter => !isCleared(counter)),
      db,
    )
  }

  async #giveBack(counters: readonly CountedCounter[], db: Queryable = this.#database): Promise<void> {
    if (counters.length > 0) await giveBackAttempt(db, counters)
  }
}
