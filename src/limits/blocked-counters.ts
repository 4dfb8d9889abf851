import type { Counter } from './attempt-store.ts'

const REMEMBERED_FOR = 1_000 // milliseconds; so late another process's forgiveness is noticed at the most
const MOST = 10_000 // counters

/** Counters that this process knows to be blocked, so that a flood against them costs no question to the database. */
export class BlockedCounters {
  readonly #now: () => number
  readonly #until = new Map<string, { known: number; blocked: number }>()

  /** @param now milliseconds */
  constructor(now: () => number) {
    this.#now = now
  }

  note(key: Buffer, seconds: number): void {
    if (this.#until.size >= MOST) this.#until.clear()
    const blocked = this.#now() + seconds * 1_000
    this.#until.set(key.toString('base64'), { known: Math.min(this.#now() + REMEMBERED_FOR, blocked), blocked })
  }

  /** The first of these that is known to be blocked. */
  first<Some extends Counter>(counters: readonly Some[]): { counter: Some; seconds: number } | undefined {
    for (const counter of counters) {
      const name = counter.key.toString('base64')
      const until = this.#until.get(name)
      if (until === undefined) continue
      const now = this.#now()
      const isPast = until.known <= now || until.known > now + REMEMBERED_FOR // or the clock was put back
      if (!isPast) return { counter, seconds: (until.blocked - now) / 1_000 }
      this.#until.delete(name)
    }
    return undefined
  }
}
