import type { Credential } from '../../adapters/adapter.ts'
import { residentMemory } from '../../meters/memory.ts'
import { processTree } from '../../meters/processor.ts'
import { inTurn, type Started } from '../in-turn.ts'
import { measureRefreshes } from '../measured-refreshes.ts'
import type { Bench, Figures, Measurement } from '../measurement.ts'
import { aimsOf } from './aims.ts'
import { COMPARED_AT, CONNECTIONS, type Found, type Round, type Sample } from './found.ts'
import { latencyPlots, rateBars } from './pictures.ts'
import { loadTable, startTable } from './tables.ts'

const WARM_UP = 3 // seconds
const DURATION = 8 // seconds

/** How many refreshes a second each can do, and what one costs. */
export const refreshes: Measurement = {
  title: 'Refreshes',
  async measure(bench) {
    const found = await inTurn(bench, bench.subjects, started => measureSubject(started, bench))
    return figuresOf(found, bench)
  },
}

async function measureSubject(started: Started, bench: Bench): Promise<Round> {
  const { running } = started
  let credentials: readonly Credential[] = await running.openSessions(Math.max(...CONNECTIONS))
  const idleMemory = running.startTime === undefined ? undefined : memoryOf(started)
  const samples: Sample[] = []
  for (const connections of CONNECTIONS) {
    const { sample, successors } = await measureLoad(started, { connections, credentials }, bench)
    samples.push(sample)
    credentials = successors
  }
  return { samples, startTime: running.startTime, idleMemory }
}

async function measureLoad(
  started: Started,
  clients: { connections: number; credentials: readonly Credential[] },
  bench: Bench,
): Promise<{ sample: Sample; successors: readonly Credential[] }> {
  const times = { warmUp: bench.scaled(WARM_UP), duration: bench.scaled(DURATION) }
  const { measured, successors, generatorCores } = await measureRefreshes(started, { ...clients, ...times })
  const { connections } = clients
  const { rate, p99 } = measured
  bench.say(`${started.subject.name}, ${connections} connections: ${rate.toFixed(0)}/s, p99 ${p99.toFixed(1)} ms`)
  return { sample: { connections, ...measured, memory: memoryOf(started), generator: generatorCores }, successors }
}

/** Of a process and those that it started, as the script of a Java server does. */
const memoryOf = ({ running: { pid } }: Started) =>
  pid === undefined ? undefined : processTree(pid).reduce((sum, one) => sum + residentMemory(one), 0)

function figuresOf(found: Found, bench: Bench): Figures {
  return {
    how:
      `Each client exchanges the credential of a session of its own, checks the answer and goes on with what it holds, over a ` +
      `connection that is kept. Counted for ${bench.scaled(DURATION)} s after ${bench.scaled(WARM_UP)} s of warm-up, in ` +
      `${bench.rounds} rounds in which the services take turns, each on an empty database. Every commit is synced. ` +
      'Processor time and log are for each refresh; the generator is a process of its own.',
    tables: [...CONNECTIONS.map(connections => loadTable(found, connections)), startTable(found)],
    aims: aimsOf(found),
    remarks: REMARKS,
    bars: [rateBars(found)],
    plots: latencyPlots(found),
  }
}

const REMARKS = [
  'The ceiling answers each request as it comes. With many clients this service does more than that: what waits for one ' +
    'batch is answered together, and costs the service less processor time each, as the column tells.',
  'Of those that are started here, this service and the two refresh grants rotate; better-auth’s session to JWT writes ' +
    'nothing.',
  'A start goes from the command to the first answered request and makes the tables of an empty database, as far as there ' +
    'are any; each server is run by `node` alone, this service and the ceiling with the flags that `npm start` gives. ' +
    'Memory is what the process holds resident (`VmRSS`), PostgreSQL not included: just before its first refresh, and ' +
    `when the load of ${COMPARED_AT} clients has ended.`,
]
