import { type SessionTable, sessionTable } from '../../../test/measuring/session-table.ts'
import type { Credential } from '../../adapters/adapter.ts'
import type { LoadResult } from '../../load/generator.ts'
import { sendLoad } from '../../load/send-load.ts'
import { drawCredentials, fillWithSessions } from '../../subjects/auth-service/many-sessions.ts'
import type { Subject } from '../../subjects/subject.ts'
import { beginCost } from '../cost.ts'
import { type Started, started } from '../in-turn.ts'
import type { Bench, Figures, Measurement } from '../measurement.ts'
import { aimsOf, latencyPlot, type Rotated, rotationTable, type Sample, type Size, sizeTable } from './figures.ts'

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

async function measureInTurn(all: Started[], sizes: readonly number[], bench: Bench): Promise<Size[]> {
  const found: Size[] = []
  const credentials: (readonly Credential[])[] = []
  for (const [index, sessions] of sizes.entries()) {
    const { databaseUrl } = all[index]!
    await fillWithSessions(databaseUrl, sessions, bench.say)
    credentials.push(await drawCredentials(databaseUrl, Math.min(sessions, DRAWN)))
    const table = await sessionTable(databaseUrl)
    found.push({ sessions, rounds: [], before: table, after: table })
  }
  for (let round = 0; round < bench.rounds; round++)
    for (const [index, size] of found.entries()) {
      const { sample, successors } = await measureOnce(all[index]!, credentials[index]!, bench)
      size.rounds.push(sample)
      credentials[index] = successors
      bench.say(`${size.sessions.toLocaleString('en')} sessions: ${sample.rate.toFixed(0)} refreshes/s`)
    }
  for (const [index, size] of found.entries()) size.after = await tableAfter(all[index]!, size)
  return found
}

async function measureOnce(
  one: Started,
  credentials: readonly Credential[],
  bench: Bench,
): Promise<{ sample: Sample; successors: readonly Credential[] }> {
  const warm = await refresh(one, credentials, bench.scaled(WARM_UP))
  const cost = await beginCost(one.running.pid, one.database)
  const { kinds, credentials: successors } = await refresh(one, warm.credentials, bench.scaled(DURATION))
  const measured = kinds.refresh!
  return { sample: { ...measured, ...(await cost(measured.count)) }, successors }
}

function tableAfter({ databaseUrl }: Started, { before, rounds }: Size): Promise<SessionTable> {
  return sessionTable(databaseUrl, before.updates + rounds.reduce((sum, { count }) => sum + count, 0))
}

async function measureRotations(one: Started, bench: Bench): Promise<Rotated> {
  const { databaseUrl } = one
  const sessions = bench.scaled(SIZES[0]!)
  await fillWithSessions(databaseUrl, sessions, bench.say)
  const before = await sessionTable(databaseUrl)
  let credentials: readonly Credential[] = await drawCredentials(databaseUrl, sessions)
  const wanted = bench.scaled(ROTATIONS)
  let rotations = 0
  while (rotations < wanted) {
    const result = await refresh(one, credentials, bench.scaled(ROTATED_AT_ONCE))
    credentials = result.credentials
    rotations += result.kinds.refresh!.count
    bench.say(`${rotations.toLocaleString('en')} of ${wanted.toLocaleString('en')} rotations`)
  }
  return { rotations, before, after: await sessionTable(databaseUrl, before.updates + rotations) }
}

function refresh(
  { subject, running }: Started,
  credentials: readonly Credential[],
  duration: number,
): Promise<LoadResult> {
  const load = { adapter: subject.adapter, url: running.url, work: { kind: 'refresh' as const }, people: [], warmUp: 0 }
  return sendLoad({ ...load, connections: CONNECTIONS, credentials, duration })
}

function figuresOf(sizes: Size[], rotated: Rotated, bench: Bench): Figures {
  return {
    how:
      `${CONNECTIONS} clients refresh ${DRAWN.toLocaleString('en')} sessions in turn, drawn at random from all of the ` +
      `table, for ${bench.scaled(DURATION)} s after ${bench.scaled(WARM_UP)} s of warm-up, in ${bench.rounds} rounds in ` +
      'which the sizes take turns, each in a database with a service of its own. Then ' +
      `${rotated.rotations.toLocaleString('en')} rotations go over ${rotated.before.rows.toLocaleString('en')} sessions.`,
    tables: [sizeTable(sizes), rotationTable(rotated)],
    aims: aimsOf(sizes, rotated),
    plots: [latencyPlot(sizes)],
  }
}
