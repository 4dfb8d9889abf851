const AT_ONCE = 20 // refusals a second
const HELD_FOR = [1_000, 3_000] as const // milliseconds, at random, so that they do not all come back at once
const MOST = 2_000 // held at a time

/**
 * Holds refusals back for a moment when there are many of them.
 *
 * Who is told at once to come later, and does not listen, comes back at once: a thousand such clients would keep the
 * process busy with nothing but refusing. Held, each of them waits and costs no more than its connection. Who is
 * refused now and then gets the answer at once.
 */
export class HeldRefusals {
  readonly #now: () => number
  readonly #held = new Map<() => void, NodeJS.Timeout>()
  #second = 0
  #refusals = 0
  #isStopping = false

  /** @param now a monotonic clock in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** How many wait now. */
  get count(): number {
    return this.#held.size
  }

  /** Waits as long as a refusal should. */
  wait(): Promise<void> {
    if (this.#isRare() || this.#isStopping || this.#held.size >= MOST) return Promise.resolve()
    return new Promise(resolve => {
      const answer = () => {
        this.#held.delete(answer)
        resolve()
      }
      const [least, most] = HELD_FOR
      this.#held.set(answer, setTimeout(answer, least + Math.random() * (most - least)))
    })
  }

  /** Lets all go, for good. */
  release(): void {
    this.#isStopping = true
    for (const [answer, timer] of this.#held) {
      clearTimeout(timer)
      answer()
    }
  }

  #isRare(): boolean {
    const second = Math.floor(this.#now() / 1_000)
    if (second !== this.#second) this.#refusals = 0
    this.#second = second
    return ++this.#refusals <= AT_ONCE
  }
}
