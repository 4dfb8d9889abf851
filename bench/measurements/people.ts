import { join } from 'node:path'
import { startHelper } from '../../test/measuring/helper-process.ts'
import { adapterOf } from '../adapters/by-name.ts'
import type { Measured } from '../load/recorder.ts'
import { sendLoad } from '../load/send-load.ts'
import type { Subject } from '../subjects/subject.ts'
import type { HashingAnswer, HashingQuestion } from './bare-hashing.ts'
import { inTurn, type Started } from './in-turn.ts'
import { type Bench, type Figures, judge, type Measurement } from './measurement.ts'
import { median, spread } from './spread.ts'

const CONNECTIONS = 16
const PEOPLE = 32
const WARM_UP = 3 // seconds
const DURATION = 10 // seconds
const KINDS = ['sign-in', 'sign-up'] as const

type Sample = {
  signIn: Measured
  signUp: Measured /** Hashes a second of the bare lanes, in the same round. */
  bare: number
}

/** How many people a second can sign in and sign up. */
export const people: Measurement = {
  title: 'Sign-ins and sign-ups',
  async measure(bench) {
    const able = bench.subjects.filter(({ adapter }) => adapterOf(adapter).signIn && adapterOf(adapter).signUp)
    const rounds = await inTurn(bench, able, started => measureSubject(started, bench))
    return figuresOf(rounds, bench)
  },
}

async function measureSubject({ subject, running }: Started, bench: Bench): Promise<Sample> {
  const bare = await bareRate(bench.scaled(DURATION))
  const added = await running.addPeople(PEOPLE)
  const found: Measured[] = []
  for (const kind of KINDS) {
    const { kinds } = await sendLoad({
      adapter: subject.adapter,
      url: running.url,
      work: { kind },
      connections: CONNECTIONS,
      credentials: [],
      people: added,
      warmUp: bench.scaled(WARM_UP),
      duration: bench.scaled(DURATION),
    })
    found.push(kinds[kind]!)
  }
  const [signIn, signUp] = found as [Measured, Measured]
  bench.say(`${subject.name}: ${signIn.rate.toFixed(1)} sign-ins/s, ${signUp.rate.toFixed(1)} sign-ups/s`)
  return { signIn, signUp, bare }
}

async function bareRate(duration: number): Promise<number> {
  await using hashing = startHelper<HashingQuestion, HashingAnswer>(join(import.meta.dirname, 'bare-hashing.ts'))
  return (await hashing.ask({ duration })).rate
}

function figuresOf(rounds: Map<Subject, Sample[]>, bench: Bench): Figures {
  const own = [...rounds].find(([{ name }]) => name === 'this service')?.[1] ?? []
  const ratios = own.map(({ signIn, bare }) => signIn.rate / bare)
  return {
    how:
      `${CONNECTIONS} clients sign in with the right passwords of ${PEOPLE} people, then as many sign up, each for ` +
      `${bench.scaled(DURATION)} s after ${bench.scaled(WARM_UP)} s of warm-up, in ${bench.rounds} rounds. Bare hashing ` +
      'verifies passwords in as many lanes as this service has, in a process that does nothing else, with no load ' +
      'generator beside it. Other services hash in other ways: what they do a second tells of the strength of their ' +
      'hash as much as of their speed.',
    tables: [
      {
        columns: ['', 'sign-ins/s', 'p50 (ms)', 'p99 (ms)', 'sign-ups/s', 'p50 (ms)', 'p99 (ms)'],
        rows: [
          ...[...rounds].map(([{ name }, samples]) => [
            name,
            ...[(one: Sample) => one.signIn, (one: Sample) => one.signUp].flatMap(pick => [
              spread(
                samples.map(sample => pick(sample).rate),
                1,
              ),
              spread(
                samples.map(sample => pick(sample).p50),
                0,
              ),
              spread(
                samples.map(sample => pick(sample).p99),
                0,
              ),
            ]),
          ]),
          [
            'bare argon2id of all lanes',
            spread(
              own.map(({ bare }) => bare),
              1,
            ),
            '',
            '',
            '',
            '',
            '',
          ],
        ],
      },
    ],
    aims:
      ratios.length === 0
        ? []
        : [
            {
              what: 'sign-ins a second ÷ the bare argon2id rate of all lanes',
              atLeast: '0.9',
              aim: '0.97',
              found: spread(ratios, 2),
              verdict: judge(median(ratios), { atLeast: 0.9, aim: 0.97 }),
            },
          ],
  }
}
