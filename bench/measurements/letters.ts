import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type HelperProcess, startHelper } from '../../test/measuring/helper-process.ts'
import type { Arrival, SinkAnswer, SinkQuestion } from '../letters/sink.ts'
import { seedSignUps } from '../subjects/auth-service/seeded-sign-ups.ts'
import { startService } from '../subjects/auth-service/service-process.ts'
import { newStorage, STORAGES, type StorageKind } from '../subjects/auth-service/storage.ts'
import { type Aim, type Bench, judge, type Measurement } from './measurement.ts'
import { median, spread } from './spread.ts'

const LETTERS = 3_000
const LONGEST_SILENCE = 30_000 // milliseconds

type Sink = HelperProcess<SinkQuestion, SinkAnswer>

/** How fast letters reach the mail server that waited for it. */
export const letters: Measurement = {
  title: 'Letters',
  async measure(bench) {
    const count = bench.scaled(LETTERS)
    const rates = new Map<StorageKind, number[]>(STORAGES.map(kind => [kind, []]))
    for (let round = 0; round < bench.rounds; round++)
      for (const kind of STORAGES) rates.get(kind)!.push(await measureStorage(kind, count, bench))
    return {
      how:
        `The letters of ${count.toLocaleString('en')} sign-ups wait, as they do when the mail server was away. The service ` +
        'is started and hands them to an SMTP server on loopback that reads and drops them. Letters a second count ' +
        `from the first arrival to the last, in ${bench.rounds} rounds; each letter is checked to have arrived once.`,
      tables: [{ columns: ['database', 'letters/s'], rows: [...rates].map(([kind, found]) => [kind, spread(found)]) }],
      aims: [aimOf(rates.get('PostgreSQL')!)],
    }
  },
}

async function measureStorage(kind: StorageKind, count: number, bench: Bench): Promise<number> {
  await using storage = await newStorage(kind, bench)
  await seedSignUps(storage.environment, count)
  await using sink: Sink = startHelper(join(import.meta.dirname, '../letters/sink.ts'))
  const { port } = await sink.ask({ want: 'state' })
  await using _service = await startService({ ...storage.environment, AUTH_SMTP_URL: `smtp://127.0.0.1:${port}` })
  await untilArrived(sink, count)
  const { arrivals } = await sink.ask({ want: 'arrivals' })
  const different = new Set(arrivals.map(({ messageId }) => messageId)).size
  if (arrivals.length !== count || different !== count)
    throw new Error(`${count} letters waited, ${arrivals.length} arrived, ${different} of them different`)
  const rate = rateOf(arrivals)
  bench.say(`${kind}: ${rate.toFixed(0)} letters/s`)
  return rate
}

/** @throws when the letters stop coming before that many have arrived */
async function untilArrived(sink: Sink, wanted: number): Promise<void> {
  let before = 0
  let lastChange = performance.now()
  for (;;) {
    const { count } = await sink.ask({ want: 'state' })
    if (count >= wanted) return
    if (count > before) lastChange = performance.now()
    before = count
    if (performance.now() > lastChange + LONGEST_SILENCE)
      throw new Error(`${count} of ${wanted} letters have arrived, and no more for ${LONGEST_SILENCE / 1_000} s`)
    await pause(50)
  }
}

/** Letters a second, by the times between the first and the last. */
function rateOf(arrivals: readonly Arrival[]): number {
  return (arrivals.length - 1) / ((arrivals.at(-1)!.at - arrivals[0]!.at) / 1_000)
}

function aimOf(rates: readonly number[]): Aim {
  return {
    what: 'letters a second to a local SMTP sink, PostgreSQL',
    atLeast: '300',
    aim: '1,000',
    found: spread(rates),
    verdict: judge(median(rates), { atLeast: 300, aim: 1_000 }),
  }
}
