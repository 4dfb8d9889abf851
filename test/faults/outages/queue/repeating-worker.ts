import type { Alteration } from '../../../support/altered-source.ts'

/**
 * Makes a worker that does each message 2 to 5 times, some of them at the same time and some one after another, and
 * those that came together in an order of its own.
 */
export const repeatingWorker = (seed: number): Alteration[] => [
  {
    file: 'storage/queue.ts',
    find: "const PARKED = 'parked'",
    replace: `let chanceState = ${seed >>> 0}
const chance = () => {
  chanceState = (Math.imul(chanceState, 1664525) + 1013904223) >>> 0
  return chanceState / 2 ** 32
}
const PARKED = 'parked'`,
  },
  {
    file: 'storage/queue.ts',
    find: 'jobs => Promise.all(jobs.map(deliver)),',
    replace: `async jobs => {
      const results = new Map<string, JobResult>()
      const note = (result: JobResult) => {
        if (results.get(result.id)?.status !== 'failed') results.set(result.id, result)
      }
      const deliveries = jobs
        .flatMap(job => Array.from({ length: 2 + Math.floor(chance() * 4) }, () => ({ job, at: chance() })))
        .sort((a, b) => a.at - b.at)
      while (deliveries.length > 0) {
        const together = deliveries.splice(0, 1 + Math.floor(chance() * 10))
        for (const result of await Promise.all(together.map(({ job }) => deliver(job)))) note(result)
      }
      return jobs.map(({ id }) => results.get(id)!)
    },`,
  },
]
