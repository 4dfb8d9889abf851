import { setImmediate as immediate } from 'node:timers/promises'
import { isUnavailable } from '../storage/unavailable.ts'
import type { PresentedToken, Rotation } from './rotate.ts'

/** One token of one session, and everybody who waits for what becomes of it. */
type Entry = PresentedToken & { outcome: PromiseWithResolvers<Rotation | undefined> }

type Rotate = (presented: readonly PresentedToken[]) => Promise<Rotation[]>

const LARGEST_BATCH = 256 // entries

/**
 * Sends rotations to the database in batches: what arrives while one is under way forms the next.
 *
 * A batch holds one entry a session, and everybody who shows the same token shares it. Another generation of the same
 * session waits for the batch after, so that each is judged against what the one before left.
 */
export class RotationBatches {
  readonly #rotate: Rotate
  #waiting = new Map<string, Entry>()
  #isRunning = false

  constructor(rotate: Rotate) {
    this.#rotate = rotate
  }

  /**
   * @returns undefined when there is no such session
   * @throws whatever the database threw, when it refused this very token twice or cannot be reached
   */
  rotate({ sessionId, generation, network }: PresentedToken): Promise<Rotation | undefined> {
    const token = `${sessionId} ${generation}`
    const same = this.#waiting.get(token)
    if (same) return same.outcome.promise
    const entry: Entry = { sessionId, generation, network, outcome: Promise.withResolvers() }
    this.#waiting.set(token, entry)
    if (!this.#isRunning) void this.#run()
    return entry.outcome.promise
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
        for (const entry of batch) entry.outcome.resolve(rotations.get(entry.sessionId))
      }
    } catch (error) {
      if (isUnavailable(error)) this.#rejectAll(batch, error)
      else for (const entry of batch) await this.#settleAlone(entry) // each meets its own fault, or none
      return () => {}
    }
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

  async #settleAlone(entry: Entry): Promise<void> {
    try {
      entry.outcome.resolve((await this.#rotate([entry]))[0])
    } catch (error) {
      entry.outcome.reject(error)
    }
  }
}
