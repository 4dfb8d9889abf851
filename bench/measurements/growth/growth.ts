import { sessionTable } from '../../../test/measuring/session-table.ts'
import type { LoadResult } from '../../load/generator.ts'
import { sendLoad } from '../../load/send-load.ts'
import { drawCredentials, fillWithSessions } from '../../subjects/auth-service/many-sessions.ts'
import { type Started, started } from '../in-turn.ts'
import type { Bench, Figures, Measurement } from '../measurement.ts'
import { aimsOf, latencyPlot, type Rotated, rotationTable, type Sample, sizeTable } from './figures.ts'

const SIZES = [10_000, 1_000_000, 10_000_000] // sessions
const DRAWN = 20_000 // sessions that are refreshed, from all of the table
const CONNECTIONS = 64
const WARM_UP = 5 // seconds
const DURATION = 15 // seconds
const ROTATIONS = 1_000_000
const ROTATED_AT_ONCE = 30 // seconds

/** Whether refreshes stay as fast, and the table as small, when sessions become many. */
export const growth: Measurement = {
  title: 'Growth',
  async measure(bench) {
    const own = bench.subjects.find(({ name }) => name === 'this service')
    if (!own) throw new Error('Growth is measured of this service')
    const samples: Sample[] = []
    for (const size of SIZES)
      samples.push(await started(bench, own, one => measureSize(one, bench.scaled(size), bench)))
    const rotated = await started(bench, own, one => measureRotations(one, bench))
    return figuresOf(samples, rotated, bench)
  },
}

async function measureSize(one: Started, sessions: number, bench: Bench): Promise<Sample> {
  const { databaseUrl } = one
  await fillWithSessions(databaseUrl, sessions, bench.say)
  const credentials = await drawCredentials(databaseUrl, Math.min(sessions, DRAWN))
  const before = await sessionTable(databaseUrl)
  const times = { warmUp: bench.scaled(WARM_UP), duration: bench.scaled(DURATION) }
  const refreshes = (await refresh(one, credentials, times)).kinds.refresh!
  bench.say(`${sessions.toLocaleString('en')} sessions: ${refreshes.rate.toFixed(0)} refreshes/s`)
  return { sessions, refreshes, before, after: await sessionTable(databaseUrl, before.updates + refreshes.count) }
}

async function measureRotations(one: Started, bench: Bench): Promise<Rotated> {
  const { databaseUrl } = one
  const sessions = bench.scaled(SIZES[0]!)
  await fillWithSessions(databaseUrl, sessions, bench.say)
  const before = await sessionTable(databaseUrl)
  let credentials: readonly string[] = await drawCredentials(databaseUrl, sessions)
  const wanted = bench.scaled(ROTATIONS)
  let rotations = 0
  while (rotations < wanted) {
    const result = await refresh(one, credentials, { warmUp: 0, duration: bench.scaled(ROTATED_AT_ONCE) })
    credentials = result.credentials
    rotations += result.kinds.refresh!.count
    bench.say(`${rotations.toLocaleString('en')} of ${wanted.toLocaleString('en')} rotations`)
  }
  return { rotations, before, after: await sessionTable(databaseUrl, before.updates + rotations) }
}

/** @param times seconds */
function refresh(
  { subject, running }: Started,
  credentials: readonly string[],
  times: { warmUp: number; duration: number },
): Promise<LoadResult> {
  const load = { adapter: subject.adapter, url: running.url, work: { kind: 'refresh' as const }, people: [] }
  return sendLoad({ ...load, connections: CONNECTIONS, credentials, ...times })
}

function figuresOf(samples: Sample[], rotated: Rotated, bench: Bench): Figures {
  return {
    how:
      `${CONNECTIONS} clients refresh ${DRAWN.toLocaleString('en')} sessions in turn, drawn at random from all of the ` +
      `table, for ${bench.scaled(DURATION)} s after ${bench.scaled(WARM_UP)} s of warm-up; one run for each size. Then ` +
      `${rotated.rotations.toLocaleString('en')} rotations go over ${rotated.before.rows.toLocaleString('en')} sessions.`,
    tables: [sizeTable(samples), rotationTable(rotated)],
    aims: aimsOf(samples, rotated),
    plots: [latencyPlot(samples)],
  }
}
