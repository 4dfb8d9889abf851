import { percentile } from '../../test/measuring/statistics.ts'
import type { Task } from './work.ts'

/** What a load found of one kind of request. */
export type Measured = {
  count: number
  /** A second. */
  rate: number
  /** Milliseconds. */
  p50: number
  p90: number
  p99: number
  highest: number
}

/** Keeps the latencies of what is answered between two times. */
export class Recorder {
  readonly #from: number
  #to: number
  readonly #latencies = new Map<Task['kind'], number[]>()

  /** @param from @param to milliseconds of `performance.now()` */
  constructor({ from, to }: { from: number; to: number }) {
    this.#from = from
    this.#to = to
  }

  /** @param begunAt when it was sent, or was to be sent */
  answered(kind: Task['kind'], begunAt: number): void {
    const now = performance.now()
    if (now < this.#from || now >= this.#to) return
    const latencies = this.#latencies.get(kind)
    if (latencies) latencies.push(now - begunAt)
    else this.#latencies.set(kind, [now - begunAt])
  }

  /** Keeps nothing that is answered from now on. */
  end(): void {
    this.#to = Math.min(this.#to, performance.now())
  }

  /** @throws when it was ended before it began */
  measured(): Partial<Record<Task['kind'], Measured>> {
    const seconds = (this.#to - this.#from) / 1_000
    if (seconds <= 0) throw new Error('The work was used up before the warm-up was over: prepare more of it')
    return Object.fromEntries([...this.#latencies].map(([kind, latencies]) => [kind, summary(latencies, seconds)]))
  }
}

function summary(latencies: number[], seconds: number): Measured {
  const [p50, p90, p99] = [0.5, 0.9, 0.99].map(share => percentile(latencies, share))
  const highest = latencies.reduce((most, one) => Math.max(most, one), 0)
  return { count: latencies.length, rate: latencies.length / seconds, p50: p50!, p90: p90!, p99: p99!, highest }
}
