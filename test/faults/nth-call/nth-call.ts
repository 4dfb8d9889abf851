import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Experiment } from '../../proof/experiment.ts'
import { FAULTS, FailingCalls, type Fault } from './failing-calls.ts'
import { forgottenTransactions } from './half-states.ts'
import { PAGE_SCENARIOS } from './page-scenarios.ts'
import { INTERFACE_SCENARIOS, type Scenario } from './scenarios.ts'
import { type Tried, tryFault, type Violation } from './try-fault.ts'
import { openWorld, type World } from './world.ts'

export const SCENARIOS: readonly Scenario[] = [...INTERFACE_SCENARIOS, ...PAGE_SCENARIOS]

const LARGEST_N = 100 // a request that asks the database more often is a fault of its own

const MEANINGS: Record<Violation, string> = {
  hung: 'requests without an answer',
  'neither success nor 503': 'answers that were neither the success nor 503',
  'a 503 in another form': '503s that were no problem document, OAuth error or page',
  'a success that did not happen': 'successes that had not happened',
  'a token that is not good': 'tokens in failed answers that were no good',
  'a half state': 'half states, such as an account without its message',
  'a retry that failed': 'repeated requests that did not succeed',
  'said that nothing was changed': '503s that said that nothing was changed although it was',
  uncaught: 'ends of a connection that nobody listened for, which end the process',
}

export const nthCall: Experiment = {
  id: 'F20',
  title: 'Every single database call of every route fails',
  claim:
    'Whichever database call of a request fails, and whether or not it was executed, no token is issued that is not ' +
    'good, no half state is left, the answer is 503, and repeating the request succeeds.',
  command: 'prove',
  proves: ['R86', 'R88'],
  trials: { short: 60, full: 600 },
  async run({ trials, postgresUrl, directory, progress }) {
    await using onPostgres = await openWorld(postgresUrl)
    await using embedded = await openWorld()
    using calls = new FailingCalls()
    const tried: Tried[] = []
    const rounds = [
      ...FAULTS.map(fault => ({ world: onPostgres, fault })),
      ...FAULTS.filter(({ cuts }) => !cuts).map(fault => ({ world: embedded, fault })),
    ]
    for (let round = 0; tried.length < trials; round++) {
      const { world, fault } = rounds[round % rounds.length]!
      for (const scenario of SCENARIOS) {
        tried.push(...(await tryEveryCall(world, calls, scenario, fault)))
        progress(tried.length, `${fault.name}: ${scenario.route}`)
      }
    }
    await pause(2_500) // a transaction that nobody works on is known by its age
    await appendFile(join(directory, 'faults.jsonl'), tried.map(one => `${JSON.stringify(one)}\n`).join(''))
    const forgotten = await forgottenTransactions(onPostgres)
    const of = tried.length
    return {
      trials: of,
      unit: 'faults',
      counted: [
        ...Object.entries(MEANINGS).map(([violation, what]) => ({
          what,
          count: tried.filter(({ violations }) => violations.includes(violation as Violation)).length,
          of,
        })),
        { what: 'connections left inside a transaction', count: forgotten, of },
      ],
      measured: [],
      remarks: [
        `${SCENARIOS.length} requests to ${new Set(SCENARIOS.map(({ route }) => route)).size} routes; ` +
          `${new Set(tried.map(({ route, n }) => `${route} ${n}`)).size} calls failed, in ` +
          `${new Set(tried.map(({ fault }) => fault)).size} ways each; those that leave the connection, also on the embedded database.`,
      ],
    }
  },
}

/** Lets the first call fail, then the second, and so on until the request makes no more. */
async function tryEveryCall(world: World, calls: FailingCalls, scenario: Scenario, fault: Fault): Promise<Tried[]> {
  const all: Tried[] = []
  for (let n = 1; n <= LARGEST_N; n++) {
    const tried = await tryFault(world, calls, scenario, { fault, n })
    const isHit = tried.statement !== undefined
    if (isHit || tried.violations.length > 0) all.push(tried)
    if (!isHit) return all
  }
  throw new Error(`${scenario.route} makes more than ${LARGEST_N} database calls`)
}
