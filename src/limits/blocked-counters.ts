import type { Counter } from './attempt-store.ts'

const REMEMBERED_FOR = 1_000 // milliseconds; so late another process's forgiveness is noticed at the most
const MOST = 10_000 // attempts

type Block<Some extends Counter> = { counter: Some; seconds: number }

/**
 * Attempts that this process knows to be blocked, and by which of their counters, so that a flood costs no question to
 * the database. What one attempt met says nothing of another that shares a counter with it: whoever is blocked by a
 * counter of their own would learn from this memory that others met the block of a shared one.
 */
export class BlockedCounters<Some extends Counter> {
  readonly #now: () => number
  readonly #known = new Map<string, { counter: Some; until: number; blocked: number }>()

  /** @param now milliseconds */
  constructor(now: () => number) {
    this.#now = now
  }

  /** @param counters all of those that the attempt counts on */
  note(counters: readonly Some[], { counter, seconds }: Block<Some>): void {
    if (this.#known.size >= MOST) this.#known.clear()
    const blocked = this.#now() + seconds * 1_000
    this.#known.set(nameOf(counters), { counter, until: Math.min(this.#now() + REMEMBERED_FOR, blocked), blocked })
  }

  /** What an attempt that counts on these met a moment ago. */
  find(counters: readonly Some[]): Block<Some> | undefined {
    const name = nameOf(counters)
    const known = this.#known.get(name)
    if (!known) return undefined
    const now = this.#now()
    const isPast = known.until <= now || known.until > now + REMEMBERED_FOR // or the clock was put back
    if (!isPast) return { counter: known.counter, seconds: (known.blocked - now) / 1_000 }
    this.#known.delete(name)
    return undefined
  }
}

const nameOf = (counters: readonly Counter[]): string => counters.map(({ key }) => key.toString('base64')).join()
