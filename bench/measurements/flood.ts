import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { FloodAnswer, FloodQuestion } from '../../test/load/flood.ts'
import { startHelper } from '../../test/measuring/helper-process.ts'
import type { Measured } from '../load/recorder.ts'
import { sendLoad } from '../load/send-load.ts'
import { inTurn, type Started } from './in-turn.ts'
import { type Bench, judge, type Measurement } from './measurement.ts'
import { median, spread } from './spread.ts'

const CLIENTS = 1_000
const NETWORKS = 100
const SESSIONS = 256
const RATE = 100 // refreshes a second
const DURATION = 20 // seconds
const SETTLE = 2 // seconds, in which the flood connects

type Sample = { idle: Measured; flooded: Measured; answers: FloodAnswer }

/** What a flood of sign-ins does to refreshes. */
export const flood: Measurement = {
  title: 'Refreshes under a flood of sign-ins',
  async measure(bench) {
    const own = bench.subjects.filter(({ name }) => name === 'this service')
    const samples = [...(await inTurn(bench, own, started => measureOne(started, bench))).values()].flat()
    const ratios = samples.map(({ idle, flooded }) => flooded.p99 / idle.p99)
    const row = (name: string, pick: (sample: Sample) => Measured) => [
      name,
      ...(['p50', 'p90', 'p99', 'highest'] as const).map(key =>
        spread(
          samples.map(sample => pick(sample)[key]),
          1,
        ),
      ),
    ]
    const answered = samples.map(({ answers }) => sum(Object.values(answers.answered)) / answers.seconds)
    return {
      how:
        `${RATE} refreshes a second come at a fixed rate, each latency counted from when its request was to be sent, for ` +
        `${bench.scaled(DURATION)} s without and ${bench.scaled(DURATION)} s with ${CLIENTS.toLocaleString('en')} clients ` +
        `from ${NETWORKS} networks that sign in without end, from their ${SETTLE}nd second on, with limits by network off, ` +
        `in ${bench.rounds} rounds. [The proof](proof.md) (F9) looks at the first seconds and at memory, too.`,
      tables: [
        {
          columns: ['refreshes', 'p50 (ms)', 'p90 (ms)', 'p99 (ms)', 'slowest (ms)'],
          rows: [row('idle', ({ idle }) => idle), row('in the flood', ({ flooded }) => flooded)],
        },
      ],
      remarks: [`The flood was answered ${spread(answered, 0)} times a second.`],
      aims:
        ratios.length === 0
          ? []
          : [
              {
                what: 'refresh p99 under 1,000 concurrent sign-ins ÷ idle p99',
                atLeast: 'below 3',
                aim: 'below 1.5',
                found: spread(ratios, 2),
                verdict: judge(median(ratios), { atLeast: 3, aim: 1.5 }, (smaller, larger) => smaller < larger),
              },
            ],
    }
  },
}

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)

async function measureOne({ subject, running }: Started, bench: Bench): Promise<Sample> {
  const known = (await running.addPeople(20)).map(({ email }) => email)
  const credentials = await running.openSessions(SESSIONS)
  const load = {
    adapter: subject.adapter,
    url: running.url,
    work: { kind: 'refresh' as const },
    people: [],
    rate: RATE,
  }
  const measure = { ...load, connections: SESSIONS, warmUp: SETTLE, duration: bench.scaled(DURATION) }
  const idle = await sendLoad({ ...measure, credentials })
  await using crowd = startHelper<FloodQuestion, FloodAnswer>(join(import.meta.dirname, '../../test/load/flood.ts'))
  const port = Number(new URL(running.url).port)
  await crowd.ask({ begin: { port, clients: CLIENTS, networks: NETWORKS, known, seed: 1 } })
  await pause(SETTLE * 1_000)
  const flooded = await sendLoad({ ...measure, credentials: idle.credentials })
  const answers = await crowd.ask({ end: true })
  const sample = { idle: idle.kinds.refresh!, flooded: flooded.kinds.refresh!, answers }
  bench.say(`p99 ${sample.idle.p99.toFixed(1)} ms idle, ${sample.flooded.p99.toFixed(1)} ms in the flood`)
  return sample
}
