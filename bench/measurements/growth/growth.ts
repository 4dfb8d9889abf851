import { sessionTable } from '../../../test/measuring/session-table.ts'
import type { Credential } from '../../adapters/adapter.ts'
import { drawCredentials, fillWithSessions } from '../../subjects/auth-service/many-sessions.ts'
import type { Subject } from '../../subjects/subject.ts'
import { type Started, started } from '../in-turn.ts'
import { measureRefreshes } from '../measured-refreshes.ts'
import type { Bench, Figures, Measurement } from '../measurement.ts'
import { aimsOf, latencyPlot, type Rotated, rotationTable, type Size, sizeTable } from './figures.ts'

const SIZES = [10_000, 1_000_000, 10_000_000] // sessions
const DRAWN = 20_000 // sessions that are refreshed, from all of the table
const CONNECTIONS = 64
const WARM_UP = 5 // seconds
const DURATION = 10 // seconds
const ROTATIONS = 1_000_000
const ROTATED_AT_ONCE = 30 // seconds

/** Whether refreshes stay as fast, and the table as small, when sessions become many. */
export const growth: Measurement = {
  title: 'Growth',
  async measure(bench) {
    const own = bench.subjects.find(({ name }) => name === 'this service')
    if (!own) throw new Error('Growth is measured of this service')
    const sizes = SIZES.map(size => bench.scaled(size))
    const found = await startedForEach(bench, own, sizes, started => measureInTurn(started, sizes, bench))
    const rotated = await started(bench, own, one => measureRotations(one, bench))
    return figuresOf(found, rotated, bench)
  },
}

/** Starts the service once for each size; all are there at once, so that they can take turns. */
function startedForEach<Found>(
  bench: Bench,
  own: Subject,
  [size, ...further]: readonly number[],
  use: (all: Started[]) => Promise<Found>,
): Promise<Found> {
  if (size === undefined) return use([])
  return started(bench, own, one => startedForEach(bench, own, further, others => use([one, ...others])))
}

/** A table of one size, the service over it, and what its sessions have now. */
type Filled = { one: Started; size: Size; credentials: readonly Credential[] }

async function measureInTurn(all: Started[], sizes: readonly number[], bench: Bench): Promise<Size[]> {
  const filled: Filled[] = []
  for (const [index, one] of all.entries()) filled.push(await fill(one, sizes[index]!, bench))
  for (let round = 0; round < bench.rounds; round++) for (const each of filled) await measureOnce(each, bench)
  for (const { one, size } of filled)
    size.after = await sessionTable(one.databaseUrl, size.before.updates + sum(size.rounds.map(({ count }) => count)))
  return filled.map(({ size }) => size)
}

async function fill(one: Started, sessions: number, bench: Bench): Promise<Filled> {
  await fillWithSessions(one.databaseUrl, sessions, bench.say)
  const credentials = await drawCredentials(one.databaseUrl, Math.min(sessions, DRAWN))
  const table = await sessionTable(one.databaseUrl)
  return { one, size: { sessions, rounds: [], before: table, after: table }, credentials }
}

async function measureOnce(filled: Filled, bench: Bench): Promise<void> {
  const { one, size, credentials } = filled
  const { measured, successors } = await measureRefreshes(one, {
    connections: CONNECTIONS,
    credentials,
    warmUp: bench.scaled(WARM_UP),
    duration: bench.scaled(DURATION),
  })
  size.rounds.push(measured)
  filled.credentials = successors
  bench.say(`${size.sessions.toLocaleString('en')} sessions: ${measured.rate.toFixed(0)} refreshes/s`)
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

async function measureRotations(one: Started, bench: Bench): Promise<Rotated> {
  const { databaseUrl } = one
  const sessions = bench.scaled(SIZES[0]!)
  await fillWithSessions(databaseUrl, sessions, bench.say)
  const before = await sessionTable(databaseUrl)
  let credentials: readonly Credential[] = await drawCredentials(databaseUrl, sessions)
  const wanted = bench.scaled(ROTATIONS)
  let rotations = 0
  while (rotations < wanted) {
    const { measured, successors } = await measureRefreshes(one, {
      connections: CONNECTIONS,
      credentials,
      warmUp: 0,
      duration: bench.scaled(ROTATED_AT_ONCE),
    })
    credentials = successors
    rotations += measured.count
    bench.say(`${rotations.toLocaleString('en')} of ${wanted.toLocaleString('en')} rotations`)
  }
  return { rotations, before, after: await sessionTable(databaseUrl, before.updates + rotations) }
}

function figuresOf(sizes: Size[], rotated: Rotated, bench: Bench): Figures {
  return {
    how:
      `${CONNECTIONS} clients refresh ${DRAWN.toLocaleString('en')} sessions in turn, or all where there are fewer, drawn at random ` +
      `from the table, for ${bench.scaled(DURATION)} s after ${bench.scaled(WARM_UP)} s of warm-up, in ${bench.rounds} rounds in ` +
      'which the sizes take turns, each in a database with a service of its own. Then ' +
      `${rotated.rotations.toLocaleString('en')} rotations go over ${rotated.before.rows.toLocaleString('en')} sessions.`,
    tables: [sizeTable(sizes), rotationTable(rotated)],
    aims: aimsOf(sizes, rotated),
    plots: [latencyPlot(sizes)],
  }
}
