import { setTimeout as pause } from 'node:timers/promises'

/** Waits until something holds. @returns whether it did in time */
export async function holdsWithin(seconds: number, holds: () => boolean | Promise<boolean>): Promise<boolean> {
  for (const deadline = performance.now() + seconds * 1_000; !(await holds()); await pause(50))
    if (performance.now() > deadline) return false
  return true
}

/** Begins `work` at a steady rate, whether or not what began before is over, and waits for all of it. */
export async function atRate<T>(
  { perSecond, count }: { perSecond: number; count: number },
  work: (index: number) => Promise<T>,
): Promise<T[]> {
  const began = performance.now()
  const under: Promise<T>[] = []
  for (let index = 0; index < count; index++) {
    await pause(Math.max(0, began + (index / perSecond) * 1_000 - performance.now()))
    under.push(work(index))
  }
  return Promise.all(under)
}

/** Does `work` that many times, a few at a time. */
export async function inLanes<T>(lanes: number, count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const done: T[] = []
  let next = 0
  const lane = async () => {
    while (next < count) done.push(await work(next++))
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return done
}

/** The smallest value that no more than that part of the values exceeds; 0 of none. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0
}
