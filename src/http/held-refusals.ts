const AT_ONCE = 20 // refusals a second
const ANSWERED = 150 // of the held, a second: what they cost the process does not grow with their number
const SHORTEST = 1_000 // milliseconds
const MOST = 1_500 // held at a time, which makes 10 seconds

/**
 * Holds refusals back for a moment when there are many of them.
 *
 * Who is told at once to come later, and does not listen, comes back at once: a thousand such clients would keep the
 * process busy with nothing but refusing. Held, each of them waits for the longer the more they are, and costs no more
 * than its connection. Who is refused now and then gets the answer at once.
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
      this.#held.set(answer, setTimeout(answer, this.#duration()))
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

  // At random around its mean, so that they do not all come back at once.
  #duration(): number {
    return Math.max(SHORTEST, (this.#held.size / ANSWERED) * 1_000) * (0.5 + Math.random())
  }

  #isRare(): boolean {
    const second = Math.floor(this.#now() / 1_000)
    if (second !== this.#second) this.#refusals = 0
    this.#second = second
    return ++this.#refusals <= AT_ONCE
  }
}
