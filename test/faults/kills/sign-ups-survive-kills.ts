import { percentile } from '../../measuring/statistics.ts'
import type { Experiment, Trial } from '../../proof/experiment.ts'
import { seededRandom } from '../../proof/random.ts'
import { newcomers, Regular } from '../history/clients.ts'
import { countedOf } from '../history/counted.ts'
import { type Death, killAfter, liveOnce } from '../history/lives.ts'
import { openStage, type Stage } from '../history/stage.ts'

const LANES = 2 // services that share the database: while one is under load, others start
const NEWCOMERS = 8 // clients a lane that only sign up
const REGULARS = 2 // clients a lane that also confirm, sign in and keep a session

/** A kill after the mail server took a letter, before that was recorded, makes it come again. */
const MOST_DUPLICATES = 0.005
const ENOUGH_LETTERS = 2_000 // to judge that share

export const signUpsSurviveKills: Experiment = {
  id: 'F1',
  title: 'Sign-ups survive kills',
  claim: 'No sign-up that was answered is lost and every account gets its letter, however often the service is killed.',
  command: 'prove',
  proves: ['R88'],
  trials: { short: 6, full: 1_000 },
  async run(trial) {
    await using stage = await openStage({ ...trial, name: 'history' })
    const deaths = await killRepeatedly(stage, trial)
    const began = performance.now()
    const judgement = await stage.settle()
    const settledWithin = performance.now() - began
    const { letters, duplicates, answered, unknown } = judgement
    const share = duplicates / letters
    return {
      trials: deaths.length,
      unit: 'kills',
      counted: [
        ...countedOf(judgement),
        {
          what: 'letters that came twice',
          count: duplicates,
          of: letters,
          atMost: letters < ENOUGH_LETTERS ? letters : MOST_DUPLICATES * letters,
        },
        { what: 'services that ended by themselves', count: deaths.filter(isOwnEnd).length, of: deaths.length },
      ],
      measured: [
        { what: 'share of letters that came twice', value: share, unit: '', promised: { below: MOST_DUPLICATES } },
        { what: 'letters that came twice, a kill', value: duplicates / deaths.length, unit: '' },
        { what: 'sign-ups answered', value: answered['sign up'], unit: '' },
        { what: 'requests of unknown outcome', value: unknown, unit: '' },
        { what: 'start, p50', value: percentile(startsOf(deaths), 0.5), unit: 'ms' },
        { what: 'from the last kill until nothing waited', value: settledWithin, unit: 'ms' },
      ],
      remarks: [
        'SIGKILL came 30 to 430 ms after the first answer of a service.',
        'A letter comes twice when the kill falls between its acceptance by the mail server and our record of that. How many ' +
          'do so a kill does not depend on how long a service lives; their share does, and here it lives for a quarter of a second.',
        `${LANES} services shared the database, each started again when it was dead, so that one was under load while others started.`,
      ],
    }
  },
}

async function killRepeatedly(stage: Stage, { trials, seed, progress }: Trial): Promise<Death[]> {
  const random = seededRandom(seed)
  const deaths: Death[] = []
  let begun = 0
  const lane = async () => {
    const clients = [
      ...Array.from({ length: NEWCOMERS }, () => newcomers(stage.history)),
      ...Array.from({ length: REGULARS }, () => new Regular(stage.history, stage.mail)),
    ]
    while (begun++ < trials) {
      const delay = 30 + 400 * random() // milliseconds
      deaths.push(await liveOnce(stage, clients, { kill: killAfter(delay) }))
      progress(deaths.length)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return deaths
}

const isOwnEnd = ({ wasKilled }: Death) => !wasKilled
const startsOf = (deaths: Death[]) => deaths.map(({ startedWithin }) => startedWithin)
