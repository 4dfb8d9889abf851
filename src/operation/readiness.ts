import { setTimeout as pause } from 'node:timers/promises'

const LONGEST_CHECK = 3_000 // milliseconds; a probe that hangs tells nothing
const TOO_LONG = { state: 'failed' as const, error: undefined }
const SHARED_FOR = 1_000 // milliseconds

/** What the last check of a dependency found, in milliseconds of `performance.now()`. */
export type Checked = {
  state: 'ok' | 'failed'
  checkedAt: number
  /** When it was last found to be good, if it ever was. */
  okAt: number | undefined
  /** What the check threw, if it did. */
  error: unknown
}

/**
 * One thing that the service cannot work without.
 *
 * Probes are for anybody to send: those that come during a check share it, and a good result is good for a second, so
 * that a stranger who sends many makes no work. A failure is checked again at once.
 */
export class Dependency {
  readonly #check: () => Promise<void>
  readonly #onMissedDeadline: (what: 'readiness_check') => void
  #last: Checked | undefined
  #running: Promise<Checked> | undefined

  /**
   * @param check throws when it cannot be reached; the dependency has failed too if it takes longer than 3 seconds
   * @param onMissedDeadline is told when it does
   */
  constructor(check: () => Promise<void>, onMissedDeadline: (what: 'readiness_check') => void = () => {}) {
    this.#check = check
    this.#onMissedDeadline = onMissedDeadline
  }

  async state(): Promise<Checked> {
    if (this.#last?.state === 'ok' && performance.now() - this.#last.checkedAt < SHARED_FOR) return this.#last
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #run(): Promise<Checked> {
    const found = await Promise.race([
      this.#check().then(
        () => ({ state: 'ok' as const, error: undefined }),
        (error: unknown) => ({ state: 'failed' as const, error }),
      ),
      pause(LONGEST_CHECK, TOO_LONG, { ref: false }),
    ])
    if (found === TOO_LONG) this.#onMissedDeadline('readiness_check')
    const checkedAt = performance.now()
    this.#last = { ...found, checkedAt, okAt: found.state === 'ok' ? checkedAt : this.#last?.okAt }
    return this.#last
  }
}
