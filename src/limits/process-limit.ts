import type { Counter as Metric } from '../metrics.ts'
import { LimitRefusal } from './errors.ts'
import { LIMITS, type LimitName } from './limits.ts'

const MOST = 10_000 // keys; the one that was counted first makes place for another

export type ProcessLimitOptions = {
  limit: LimitName
  /** Whether the limits hold that `AUTH_RATE_LIMITS=off` ends. */
  holdsOptional: boolean
  /** Counts refusals. */
  refusals: Metric<'limit'>
  /** The process's clock, in milliseconds. */
  now: () => number
}

/**
 * A limit that each process holds by itself, in memory, as a leaky bucket for each key.
 *
 * It is for what is refused without asking the database and cannot be guessed: counting that in the database would cost
 * more than it saves, and would make the refusal wait for the database.
 */
export class ProcessLimit {
  readonly #options: ProcessLimitOptions
  readonly #buckets = new Map<string, { level: number; at: number }>()

  constructor(options: ProcessLimitOptions) {
    this.#options = options
  }

  /**
   * Counts what was refused.
   * @param key what it counts by, such as a network
   * @throws Refusal `too_many_attempts`; then it has not been counted
   */
  count(key: string): void {
    const { limit, holdsOptional, refusals, now } = this.#options
    const { burst, forgivenAfter, isOptional } = LIMITS[limit]
    if (isOptional && !holdsOptional) return
    const at = now()
    const bucket = this.#buckets.get(key)
    const level = bucket ? Math.max(0, bucket.level - Math.max(0, at - bucket.at) / 1_000 / forgivenAfter) : 0
    if (level + 1 > burst) {
      refusals.inc({ limit })
      throw new LimitRefusal('too_many_attempts', {
        retryAfter: Math.max(1, Math.ceil((level + 1 - burst) * forgivenAfter)),
        limit,
      })
    }
    const [oldest] = this.#buckets.keys()
    if (!bucket && this.#buckets.size >= MOST && oldest !== undefined) this.#buckets.delete(oldest)
    this.#buckets.set(key, { level: level + 1, at })
  }
}
