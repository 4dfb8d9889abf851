import { setImmediate as immediate } from 'node:timers/promises'
import { isConflict, isUnavailable, UnavailableError } from '../storage/unavailable.ts'
import type { LockedSession, PresentedToken, Rotation } from './rotate.ts'

/** One token of one session, and everybody who waits for what becomes of it. */
type Entry = PresentedToken & {
  outcome: PromiseWithResolvers<Rotation | undefined>
  /** How often another transaction had the session. */
  timesLocked: number
}

type Rotate = (presented: readonly PresentedToken[]) => Promise<(Rotation | LockedSession)[]>

const LARGEST_BATCH = 256 // entries
const FIRST_PAUSE = 5 // milliseconds before a locked session is tried again, doubled each time
const LONGEST_PAUSE = 160 // milliseconds
const MOST_TRIES = 16 // together 2 seconds

/**
 * Sends rotations to the database in batches: what arrives while one is under way forms the next.
 *
 * A batch holds one entry a session, and everybody who shows the same token shares it. Another generation of the same
 * session waits for the batch after, so that each is judged against what the one before left.
 *
 * A session that another transaction has is skipped and joins a later batch, so that nobody else waits for that lock.
 *
 * At most one entry of a token waits or is locked; others of it may be under way.
 */
export class RotationBatches {
  readonly #rotate: Rotate
  #waiting = new Map<string, Entry>()
  readonly #locked = new Map<string, Entry>()
  #isRunning = false

  constructor(rotate: Rotate) {
    this.#rotate = rotate
  }

  /**
   * @returns undefined when there is no such session
   * @throws whatever the database threw, when it refused this very token twice or cannot be reached;
   *   UnavailableError when another transaction has had the session for 2 seconds
   */
  rotate({ sessionId, generation, network }: PresentedToken): Promise<Rotation | undefined> {
    const token = `${sessionId} ${generation}`
    const same = this.#waiting.get(token) ?? this.#locked.get(token)
    if (same) return same.outcome.promise
    const entry: Entry = { sessionId, generation, network, outcome: Promise.withResolvers(), timesLocked: 0 }
    this.#enqueue(token, entry)
    return entry.outcome.promise
  }

  #enqueue(token: string, entry: Entry): void {
    this.#waiting.set(token, entry)
    if (!this.#isRunning) void this.#run()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    let answer = () => {}
    while (this.#waiting.size > 0) {
      const settling = this.#settle(this.#nextBatch())
      setImmediate(answer)
      answer = await settling
      await immediate() // requests that are there already join the next batch
    }
    answer()
    this.#isRunning = false
  }

  #nextBatch(): Entry[] {
    const batch = new Map<string, Entry>()
    for (const [token, entry] of this.#waiting) {
      if (batch.size >= LARGEST_BATCH) break
      if (batch.has(entry.sessionId)) continue
      batch.set(entry.sessionId, entry)
      this.#waiting.delete(token)
    }
    return [...batch.values()]
  }

  /** @returns what answers everybody. Each answer takes a signature, for which the next batch should not wait. */
  async #settle(batch: Entry[]): Promise<() => void> {
    try {
      const rotations = new Map((await this.#rotate(batch)).map(rotation => [rotation.sessionId, rotation]))
      return () => {
        for (const entry of batch) this.#conclude(entry, rotations.get(entry.sessionId))
      }
    } catch (error) {
      if (isOfAll(error)) this.#rejectAll(batch, error)
      else await this.#settleOneByOne(batch)
      return () => {}
    }
  }

  #conclude(entry: Entry, found: Rotation | LockedSession | undefined): void {
    if (found?.verdict === 'locked') this.#tryAgain(entry)
    else entry.outcome.resolve(found)
  }

  #tryAgain(entry: Entry): void {
    if (++entry.timesLocked >= MOST_TRIES) {
      entry.outcome.reject(new UnavailableError('another transaction has kept the session locked'))
      return
    }
    const token = `${entry.sessionId} ${entry.generation}`
    const same = this.#waiting.get(token) ?? this.#locked.get(token)
    if (same) {
      same.timesLocked = Math.max(same.timesLocked, entry.timesLocked) // or requests without end would never be refused
      entry.outcome.resolve(same.outcome.promise)
      return
    }
    this.#locked.set(token, entry)
    setTimeout(
      () => {
        this.#locked.delete(token)
        this.#enqueue(token, entry)
      },
      Math.min(FIRST_PAUSE * 2 ** (entry.timesLocked - 1), LONGEST_PAUSE),
    )
  }

  /**
   * Nobody waits for the database twice: who came while a batch was under way that it did not answer has waited for it
   * already.
   */
  #rejectAll(batch: readonly Entry[], error: unknown): void {
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { outcome } of [...batch, ...waiting]) outcome.reject(error)
  }

  /** Each meets its own fault, or none, until one meets a fault that all would wait for, each in its turn. */
  async #settleOneByOne(batch: readonly Entry[]): Promise<void> {
    for (const [index, entry] of batch.entries())
      try {
        this.#conclude(entry, (await this.#rotate([entry]))[0])
      } catch (error) {
        if (isOfAll(error)) return this.#rejectAll(batch.slice(index), error)
        entry.outcome.reject(error)
      }
  }
}

/** Whether the database, rather than one of the tokens, is the cause. */
const isOfAll = (error: unknown): boolean => isUnavailable(error) && !isConflict(error)
