import { join } from 'node:path'
import { startHelper } from '../../../test/measuring/helper-process.ts'
import type { Load } from '../../load/generator.ts'
import type { Measured } from '../../load/recorder.ts'
import { sendLoad } from '../../load/send-load.ts'
import { inTurn, type Started } from '../in-turn.ts'
import type { Bench, Figures, Measurement } from '../measurement.ts'
import { withPeople } from '../with-people.ts'
import type { HashingAnswer, HashingQuestion } from './bare-hashing.ts'
import { aimsOf, type Found, type Round, tablesOf } from './figures.ts'

const CONNECTIONS = 16
const PEOPLE = 32
const CONFIRMATIONS = 20_000
const WARM_UP = 3 // seconds
const DURATION = 10 // seconds

/** How many people a second can sign in, confirm and sign up. */
export const people: Measurement = {
  title: 'Sign-ins, confirmations and sign-ups',
  async measure(bench) {
    const { able, leftOut } = withPeople(bench.subjects)
    for (const line of leftOut) bench.say(line)
    const found = await inTurn(bench, able, started => measureSubject(started, bench))
    return figuresOf(found, leftOut, bench)
  },
}

async function measureSubject(started: Started, bench: Bench): Promise<Round> {
  const { subject, running } = started
  const bareHashes = await bareRate(bench.scaled(DURATION))
  const signIn = await measureKind('sign-in', started, bench, { people: await running.addPeople(PEOPLE) })
  const confirmations = await running.addUnconfirmed?.(bench.scaled(CONFIRMATIONS))
  // Before the sign-ups, whose letters go on for a while.
  const confirm = confirmations && (await measureKind('confirm', started, bench, { confirmations }))
  const signUp = await measureKind('sign-up', started, bench, {})
  const rates = [signIn, confirm, signUp].map(one => one?.rate.toFixed(1) ?? '–')
  bench.say(`${subject.name}: ${rates[0]} sign-ins/s, ${rates[1]} confirmations/s, ${rates[2]} sign-ups/s`)
  return { 'sign-in': signIn, confirm, 'sign-up': signUp, bareHashes }
}

type Prepared = Partial<Pick<Load, 'people' | 'confirmations'>>

async function measureKind(
  kind: 'sign-in' | 'confirm' | 'sign-up',
  { subject, running }: Started,
  bench: Bench,
  prepared: Prepared,
): Promise<Measured> {
  const { kinds } = await sendLoad({
    adapter: subject.adapter,
    url: running.url,
    work: { kind },
    connections: CONNECTIONS,
    credentials: [],
    people: [],
    warmUp: bench.scaled(WARM_UP),
    duration: bench.scaled(DURATION),
    ...prepared,
  })
  return kinds[kind]!
}

/** Hashes a second of the bare lanes. */
async function bareRate(duration: number): Promise<number> {
  await using hashing = startHelper<HashingQuestion, HashingAnswer>(join(import.meta.dirname, 'bare-hashing.ts'))
  return (await hashing.ask({ duration })).rate
}

function figuresOf(found: Found, leftOut: readonly string[], bench: Bench): Figures {
  return {
    how:
      `${CONNECTIONS} clients sign in with the right passwords of ${PEOPLE} people, then confirm, then sign up, each for ` +
      `${bench.scaled(DURATION)} s after ${bench.scaled(WARM_UP)} s of warm-up, in ${bench.rounds} rounds. Bare hashing ` +
      'verifies passwords in as many lanes as this service has, in a process that does nothing else, with no load ' +
      'generator beside it. A sign-in or sign-up takes as long as its password hash, of which the table has the kind: ' +
      'between different hashes, their rates tell which hash costs more, and not which service is faster.',
    tables: tablesOf(found),
    aims: aimsOf(found),
    remarks: [
      `${bench.scaled(CONFIRMATIONS).toLocaleString('en')} people wait for their confirmation, each of which is made ` +
        'once. Where they are all confirmed before the time is over, the rate is that of the time until then. They were ' +
        'written to the database, not signed up, and no letter is sent: their tokens are made as the service makes them.',
      'This service asks for the ticket of the sign-up beside the token of the letter, and records what happened; the ' +
        'others believe the token alone.',
      ...leftOut,
    ],
  }
}
