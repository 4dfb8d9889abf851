import type { Alteration } from '../../../support/altered-source.ts'

const LONGEST_PAUSE = 30 // milliseconds

/**
 * Makes a worker that does each message 2 to 5 times, some of them at the same time and some one after another, and
 * different messages in an order of its own.
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
    find: 'QueueConsumer({ boss, name, deliver,',
    replace: `QueueConsumer({
      boss,
      name,
      deliver: async (taken, setAside) => {
        let fate: Fate = { status: 'done' }
        let times = 0
        const again = () => (times++ === 0 ? taken : { job: taken.job }) // as it is when another process has taken it
        for (let left = 2 + Math.floor(chance() * 4); left > 0; ) {
          await new Promise(resolve => setTimeout(resolve, chance() * ${LONGEST_PAUSE}))
          const together = 1 + Math.floor(chance() * left)
          left -= together
          for (const each of await Promise.all(Array.from({ length: together }, () => deliver(again(), setAside))))
            if (fate.status !== 'again') fate = each
        }
        return fate
      },`,
  },
]
