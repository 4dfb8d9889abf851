import type { LoadResult } from '../load/generator.ts'
import { sendLoad } from '../load/send-load.ts'
import { inTurn, type Started } from './in-turn.ts'
import type { Bench, Measurement } from './measurement.ts'
import { spread } from './spread.ts'
import { withPeople } from './with-people.ts'

const CONNECTIONS = 64
const PEOPLE = 32
const SIGN_INS = 0.03
const SIGN_UPS = 0.01
const WARM_UP = 3 // seconds
const DURATION = 15 // seconds

/** What a day is made of: many refreshes, some sign-ins, few sign-ups. */
export const mixedDay: Measurement = {
  title: 'A mixed day',
  async measure(bench) {
    const { able, leftOut } = withPeople(bench.subjects)
    for (const line of leftOut) bench.say(line)
    const rounds = await inTurn(bench, able, started => measureSubject(started, bench))
    const rows = [...rounds].flatMap(([{ name }, results]) =>
      (['refresh', 'sign-in', 'sign-up'] as const).map(kind => {
        const found = results.flatMap(({ kinds }) => kinds[kind] ?? [])
        const of = (pick: (one: (typeof found)[number]) => number, digits: number) => spread(found.map(pick), digits)
        return [name, kind, of(one => one.rate, 1), of(one => one.p50, 1), of(one => one.p99, 1)]
      }),
    )
    return {
      how:
        `${CONNECTIONS} clients send ${(1 - SIGN_INS - SIGN_UPS) * 100} % refreshes, ${SIGN_INS * 100} % sign-ins and ` +
        `${SIGN_UPS * 100} % sign-ups, each its next request when it has its answer, for ${bench.scaled(DURATION)} s ` +
        `after ${bench.scaled(WARM_UP)} s of warm-up, in ${bench.rounds} rounds. Sign-ins and sign-ups take as long as ` +
        'the password hash of each service, and refreshes have the processor time that the hashes leave.',
      tables: rows.length === 0 ? [] : [{ columns: ['', '', 'a second', 'p50 (ms)', 'p99 (ms)'], rows }],
      remarks: leftOut,
    }
  },
}

async function measureSubject({ subject, running }: Started, bench: Bench): Promise<LoadResult> {
  const people = await running.addPeople(PEOPLE)
  const credentials = await running.openSessions(CONNECTIONS * 2)
  const result = await sendLoad({
    adapter: subject.adapter,
    url: running.url,
    work: { kind: 'mixed', signIns: SIGN_INS, signUps: SIGN_UPS },
    connections: CONNECTIONS,
    credentials,
    people,
    warmUp: bench.scaled(WARM_UP),
    duration: bench.scaled(DURATION),
  })
  running.keepSessions?.(result.credentials)
  bench.say(`${subject.name}: ${result.kinds.refresh?.rate.toFixed(0)} refreshes/s beside the others`)
  return result
}
