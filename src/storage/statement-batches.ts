import { setImmediate as immediate } from 'node:timers/promises'
import { isContention, isUnavailable } from './unavailable.ts'

type Entry<Item> = { item: Item; outcome: PromiseWithResolvers<void> }

const LARGEST_BATCH = 256 // items

/** Sends what many do at once to the database in batches: what arrives while one is under way forms the next. */
export class StatementBatches<Item> {
  readonly #execute: (items: readonly Item[]) => Promise<unknown>
  #waiting: Entry<Item>[] = []
  #isRunning = false

  /** @param execute does it for all of them in one statement, or for none of them */
  constructor(execute: (items: readonly Item[]) => Promise<unknown>) {
    this.#execute = execute
  }

  /**
   * Resolves when the statement that the item is in has been committed.
   * @throws whatever the database threw, when it refused this very item or cannot be reached
   */
  add(item: Item): Promise<void> {
    const outcome = Promise.withResolvers<void>()
    this.#waiting.push({ item, outcome })
    if (!this.#isRunning) void this.#run()
    return outcome.promise
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    while (this.#waiting.length > 0) {
      await this.#settle(this.#waiting.splice(0, LARGEST_BATCH))
      await immediate() // what was waiting for the same moment joins the next batch
    }
    this.#isRunning = false
  }

  async #settle(batch: Entry<Item>[]): Promise<void> {
    try {
      await this.#execute(batch.map(({ item }) => item))
      for (const { outcome } of batch) outcome.resolve()
    } catch (error) {
      const isOfAll = isUnavailable(error) && !isContention(error)
      if (batch.length === 1 || isOfAll) for (const { outcome } of batch) outcome.reject(error)
      else await Promise.all(batch.map(entry => this.#settle([entry]))) // each meets its own fault, or none
    }
  }
}
