import { type SessionTable, sessionTable } from '../../test/measuring/session-table.ts'
import type { Measured } from '../load/recorder.ts'
import { sendLoad } from '../load/send-load.ts'
import { drawCredentials, fillWithSessions } from '../subjects/auth-service/many-sessions.ts'
import { started } from './in-turn.ts'
import { type Aim, type Bench, type Figures, judge, type Measurement } from './measurement.ts'
import { spread } from './spread.ts'

const SIZES = [10_000, 1_000_000, 10_000_000] // sessions
const DRAWN = 20_000 // sessions that are refreshed, from all of the table
const CONNECTIONS = 64
const WARM_UP = 5 // seconds
const DURATION = 15 // seconds
const ROTATIONS = 1_000_000

type Sample = { sessions: number; refreshes: Measured; before: SessionTable; after: SessionTable }

/** Whether refreshes stay as fast, and the table as small, when sessions become many. */
export const growth: Measurement = {
  title: 'Growth',
  async measure(bench) {
    const own = bench.subjects.find(({ name }) => name === 'this service')
    if (!own) throw new Error('Growth is measured of this service')
    const samples: Sample[] = []
    for (const size of SIZES)
      samples.push(
        await started(bench, own, one => measureSize(one.running.url, one.databaseUrl, bench.scaled(size), bench)),
      )
    const rotated = await started(bench, own, one => measureRotations(one.running.url, one.databaseUrl, bench))
    return figuresOf(samples, rotated, bench)
  },
}

async function measureSize(url: string, databaseUrl: string, sessions: number, bench: Bench): Promise<Sample> {
  await fillWithSessions(databaseUrl, sessions, bench.say)
  const credentials = await drawCredentials(databaseUrl, Math.min(sessions, DRAWN))
  const before = await sessionTable(databaseUrl)
  const { kinds } = await sendLoad({
    adapter: { name: 'auth-service' },
    url,
    work: { kind: 'refresh' },
    connections: CONNECTIONS,
    credentials,
    people: [],
    warmUp: bench.scaled(WARM_UP),
    duration: bench.scaled(DURATION),
  })
  const refreshes = kinds.refresh!
  bench.say(`${sessions.toLocaleString('en')} sessions: ${refreshes.rate.toFixed(0)} refreshes/s`)
  return { sessions, refreshes, before, after: await sessionTable(databaseUrl, before.updates + refreshes.count) }
}

type Rotated = { rotations: number; before: SessionTable; after: SessionTable }

async function measureRotations(url: string, databaseUrl: string, bench: Bench): Promise<Rotated> {
  const sessions = bench.scaled(SIZES[0]!)
  await fillWithSessions(databaseUrl, sessions, bench.say)
  const before = await sessionTable(databaseUrl)
  let credentials: readonly string[] = await drawCredentials(databaseUrl, sessions)
  const wanted = bench.scaled(ROTATIONS)
  let rotations = 0
  while (rotations < wanted) {
    const load = { adapter: { name: 'auth-service' as const }, url, work: { kind: 'refresh' as const }, people: [] }
    const result = await sendLoad({
      ...load,
      connections: CONNECTIONS,
      credentials,
      warmUp: 0,
      duration: bench.scaled(30),
    })
    credentials = result.credentials
    rotations += result.kinds.refresh!.count
    bench.say(`${rotations.toLocaleString('en')} of ${wanted.toLocaleString('en')} rotations`)
  }
  return { rotations, before, after: await sessionTable(databaseUrl, before.updates + rotations) }
}

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`
const hotShare = (before: SessionTable, after: SessionTable) =>
  (after.hotUpdates - before.hotUpdates) / (after.updates - before.updates)

function figuresOf(samples: Sample[], { rotations, before, after }: Rotated, bench: Bench): Figures {
  return {
    how:
      `${CONNECTIONS} clients refresh ${DRAWN.toLocaleString('en')} sessions in turn, drawn at random from all of the ` +
      `table, for ${bench.scaled(DURATION)} s after ${bench.scaled(WARM_UP)} s of warm-up; one run for each size. Then ` +
      `${rotations.toLocaleString('en')} rotations go over ${before.rows.toLocaleString('en')} sessions.`,
    tables: [
      {
        columns: ['sessions', 'refreshes/s', 'p50 (ms)', 'p99 (ms)', 'table', 'indexes', 'HOT share'],
        rows: samples.map(one => [
          one.sessions.toLocaleString('en'),
          one.refreshes.rate.toFixed(0),
          one.refreshes.p50.toFixed(1),
          one.refreshes.p99.toFixed(1),
          mebibytes(one.after.table),
          mebibytes(one.after.indexes),
          `${(hotShare(one.before, one.after) * 100).toFixed(1)} %`,
        ]),
      },
      {
        title: 'Many rotations',
        columns: ['', 'rows', 'table', 'indexes'],
        rows: [
          ['before', before],
          ['after', after],
        ].map(([when, table]) => {
          const { rows, table: size, indexes } = table as SessionTable
          return [when as string, rows.toLocaleString('en'), mebibytes(size), mebibytes(indexes)]
        }),
      },
    ],
    aims: aimsOf(samples, { rotations, before, after }),
  }
}

function aimsOf(samples: Sample[], { before, after }: Rotated): Aim[] {
  const [smallest, largest] = [samples[0]!, samples.at(-1)!]
  const ratio = largest.refreshes.rate / smallest.refreshes.rate
  const share = hotShare(before, after)
  const rows = after.rows - before.rows
  return [
    {
      what: 'refreshes a second at 10 million sessions ÷ at 10 thousand',
      atLeast: '0.85',
      aim: '0.95',
      found: spread([ratio], 2),
      verdict: judge(ratio, { atLeast: 0.85, aim: 0.95 }),
    },
    {
      what: 'new rows per refresh, HOT share',
      atLeast: '0, 95 %',
      aim: '0, 99 %',
      found: `${rows}, ${(share * 100).toFixed(1)} %`,
      verdict: rows === 0 ? judge(share, { atLeast: 0.95, aim: 0.99 }) : 'missed',
    },
  ]
}
