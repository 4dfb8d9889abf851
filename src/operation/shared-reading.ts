import { setTimeout as pause } from 'node:timers/promises'

const READ_WITHIN = 2_000 // milliseconds; below the deadline of a scrape, 10 s by default
const SHARED_FOR = 10_000 // milliseconds

/**
 * A value that costs a question to the database, for metrics. Scrapes within ten seconds share one reading; there is
 * never more than one under way, so that scrapes of a database that hangs do not add up.
 */
export class SharedReading<Value> {
  readonly #read: () => Promise<Value>
  #last: { value: Value; at: number } | undefined
  #running: Promise<Value | undefined> | undefined

  constructor(read: () => Promise<Value>) {
    this.#read = read
  }

  /** @returns undefined when it cannot be read within 2 seconds */
  async value(): Promise<Value | undefined> {
    if (this.#last && performance.now() - this.#last.at < SHARED_FOR) return this.#last.value
    this.#running ??= this.#start().finally(() => {
      this.#running = undefined
    })
    return Promise.race([this.#running, pause(READ_WITHIN, undefined, { ref: false })])
  }

  async #start(): Promise<Value | undefined> {
    try {
      const value = await this.#read()
      this.#last = { value, at: performance.now() }
      return value
    } catch {
      return undefined // /readyz and the log tell why
    }
  }
}
