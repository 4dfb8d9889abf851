import type { Credential } from '../adapters/adapter.ts'
import { sendLoad } from '../load/send-load.ts'
import type { DatabaseMeter } from '../meters/database.ts'
import { ProcessorMeter, processTree } from '../meters/processor.ts'
import type { Subject } from '../subjects/subject.ts'
import { inTurn, type Started } from './in-turn.ts'
import { type Aim, type Bench, type Figures, judge, type Measurement } from './measurement.ts'
import { median, spread } from './spread.ts'

const CONNECTIONS = [16, 64, 256]
const COMPARED_AT = 64 // connections
const WARM_UP = 3 // seconds
const DURATION = 8 // seconds

/** One load on one subject. */
type Sample = {
  connections: number
  /** A second. */
  rate: number
  /** Milliseconds. */
  p50: number
  p99: number
  /** Microseconds of processor time for each refresh. */
  service?: number
  database?: number
  /** Bytes of the write-ahead log for each refresh. */
  wal?: number
  commits?: number
  /** Cores that the load generator took. */
  generator: number
}

type Samples = Map<Subject, Sample[][]>

/** How many refreshes a second each can do, and what one costs. */
export const refreshes: Measurement = {
  title: 'Refreshes',
  async measure(bench) {
    const samples = await inTurn(bench, bench.subjects, started => measureSubject(started, bench))
    return figuresOf(samples, bench)
  },
}

async function measureSubject({ subject, running, database }: Started, bench: Bench): Promise<Sample[]> {
  let credentials: readonly Credential[] = await running.openSessions(Math.max(...CONNECTIONS))
  const samples: Sample[] = []
  for (const connections of CONNECTIONS) {
    const warmUp = bench.scaled(WARM_UP)
    const duration = bench.scaled(DURATION)
    const load = {
      adapter: subject.adapter,
      url: running.url,
      work: { kind: 'refresh' as const },
      connections,
      people: [],
    }
    const warm = await sendLoad({ ...load, credentials, warmUp: 0, duration: warmUp })
    const cost = await beginCost(running.pid, database)
    const result = await sendLoad({ ...load, credentials: warm.credentials, warmUp: 0, duration })
    const { count, rate, p50, p99 } = result.kinds.refresh!
    samples.push({ connections, rate, p50, p99, ...(await cost(count)), generator: result.generatorCores })
    bench.say(`${subject.name}, ${connections} connections: ${rate.toFixed(0)}/s, p99 ${p99.toFixed(1)} ms`)
    credentials = result.credentials
  }
  return samples
}

/** What each of so many refreshes took that were made from now on. */
async function beginCost(pid: number | undefined, database: DatabaseMeter | undefined) {
  if (pid === undefined || !database) return async () => ({}) // it runs elsewhere
  const service = new ProcessorMeter(() => processTree(pid))
  service.begin()
  await database.begin()
  return async (count: number) => {
    const taken = service.taken()
    const { wal, commits, processor } = await database.written()
    const microseconds = { service: taken * 1_000, database: processor * 1_000 }
    return {
      service: microseconds.service / count,
      database: microseconds.database / count,
      wal: wal / count,
      commits: commits / count,
    }
  }
}

function figuresOf(samples: Samples, bench: Bench): Figures {
  return {
    how:
      `Each client exchanges the credential of a session of its own, checks the answer and goes on with what it holds, over a ` +
      `connection that is kept. Counted for ${bench.scaled(DURATION)} s after ${bench.scaled(WARM_UP)} s of warm-up, in ` +
      `${bench.rounds} rounds in which the services take turns, each on an empty database. Every commit is synced. ` +
      'Processor time and log are for each refresh; the generator is a process of its own.',
    tables: CONNECTIONS.map(connections => tableOf(samples, connections)),
    aims: aimsOf(samples),
    remarks: REMARKS,
    bars: [
      {
        name: 'refreshes',
        title: `Durable refreshes a second, ${COMPARED_AT} clients, 2 cores for everything`,
        unit: '/s',
        bars: [...samples.keys()].map(subject => ({
          label: subject.name,
          value: median(column(samples, subject, COMPARED_AT, ({ rate }) => rate)),
        })),
      },
    ],
  }
}

type Pick = (sample: Sample) => number | undefined

function column(samples: Samples, subject: Subject, connections: number, pick: Pick): number[] {
  return samples
    .get(subject)!
    .map(round => pick(round.find(sample => sample.connections === connections)!))
    .filter(value => value !== undefined)
}

function tableOf(samples: Samples, connections: number): Figures['tables'][number] {
  const subjects = [...samples.keys()]
  return {
    title: `${connections} connections`,
    columns: [
      ...['', 'refreshes/s', 'of the ceiling', 'p50 (ms)', 'p99 (ms)', 'service (µs)', 'database (µs)'],
      ...['log (bytes)', 'commits', 'generator (cores)'],
    ],
    rows: subjects.map(subject => {
      const of = (pick: Pick, digits: number) => spread(column(samples, subject, connections, pick), digits)
      return [
        subject.name,
        of(({ rate }) => rate, 0),
        spread(ratios(samples, subject, 'ceiling', connections), 2),
        of(({ p50 }) => p50, 1),
        of(({ p99 }) => p99, 1),
        of(({ service }) => service, 0),
        of(({ database }) => database, 0),
        of(({ wal }) => wal, 0),
        of(({ commits }) => commits, 2),
        of(({ generator }) => generator, 2),
      ]
    }),
  }
}

/** Of the rates of a subject and another, within each round. */
function ratios(samples: Samples, subject: Subject, other: string, connections: number): number[] {
  const against = [...samples.keys()].find(({ name }) => name === other)
  if (!against) return []
  const rates = column(samples, against, connections, ({ rate }) => rate)
  return column(samples, subject, connections, ({ rate }) => rate).map((rate, round) => rate / rates[round]!)
}

const COMPARED = [
  { other: 'ceiling', what: 'durable refreshes a second ÷ the ceiling without a database', atLeast: 0.6, aim: 0.8 },
  { other: 'better-auth, session to JWT', what: '÷ better-auth’s session to JWT', atLeast: 12, aim: 20 },
  { other: 'oidc-provider', what: '÷ oidc-provider’s rotating refresh grant', atLeast: 6, aim: 10 },
]

const REMARKS = [
  'The ceiling answers each request as it comes. With many clients this service does more than that: what waits for one ' +
    'batch is answered together, and costs the service less processor time each, as the column tells.',
  'Nobody but this service and the two refresh grants rotates; better-auth’s session to JWT writes nothing.',
]

function aimsOf(samples: Samples): Aim[] {
  const own = [...samples.keys()].find(({ name }) => name === 'this service')
  if (!own) return []
  return COMPARED.flatMap(({ other, what, atLeast, aim }) => {
    const found = ratios(samples, own, other, COMPARED_AT)
    if (found.length === 0) return []
    const verdict = judge(median(found), { atLeast, aim })
    return [{ what, atLeast: String(atLeast), aim: String(aim), found: spread(found, 2), verdict }]
  })
}
