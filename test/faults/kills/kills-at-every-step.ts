import type { Counted, Experiment, Trial } from '../../proof/experiment.ts'
import { seededRandom } from '../../proof/random.ts'
import { newcomers, Regular } from '../history/clients.ts'
import { countedOf } from '../history/counted.ts'
import type { Judgement } from '../history/judge.ts'
import { type Death, exchangesGoOn, liveOnce } from '../history/lives.ts'
import { openStage } from '../history/stage.ts'
import { dyingAt, KILL_POINTS, type KillPoint, ownDeath } from './kill-points.ts'

const NEWCOMERS = 2
const REGULARS = 3
const LATEST_PASS = 3 // of the point at which a service dies; which one is chosen at random

export const killsAtEveryStep: Experiment = {
  id: 'F1-steps',
  title: 'Kills at every step',
  claim: 'Wherever in its work the service is killed, nothing that was answered is lost and no session is ended.',
  command: 'prove',
  proves: ['R88'],
  trials: { short: 1, full: 20 },
  async run(trial) {
    let done = 0
    const progress = () => trial.progress(++done)
    const tried = await Promise.all(
      KILL_POINTS.map((point, index) => dieAt(point, { ...trial, seed: trial.seed + index, progress })),
    )
    return {
      trials: done,
      unit: 'kills',
      counted: tried.flatMap(({ counted }) => counted),
      measured: tried.map(({ point, judgement: { duplicates, letters } }) => ({
        what: `${point.name}: share of letters that came twice`,
        value: duplicates / letters,
        unit: '',
      })),
      remarks: [
        `At each step ${trial.trials} services were killed, the first to the ${LATEST_PASS}rd time that one got there; each step has a database of its own.`,
        `${REGULARS} clients kept sessions and repeated an exchange without an answer in the next service, within the grace.`,
      ],
    }
  },
}

type Tried = { point: KillPoint; judgement: Judgement; counted: Counted[] }

async function dieAt(point: KillPoint, trial: Trial): Promise<Tried> {
  const name = point.name.replaceAll(' ', '-')
  await using stage = await openStage({ ...trial, name })
  const random = seededRandom(trial.seed)
  const regulars = Array.from({ length: REGULARS }, () => new Regular(stage.history, stage.mail))
  const clients = [...Array.from({ length: NEWCOMERS }, () => newcomers(stage.history)), ...regulars]
  const deaths: Death[] = []
  while (deaths.length < trial.trials) {
    const pass = 1 + Math.floor(random() * LATEST_PASS)
    deaths.push(await liveOnce(stage, clients, { alterations: [dyingAt(point, pass)], kill: ownDeath }))
    trial.progress(deaths.length)
  }
  const judgement = await stage.settle(running => exchangesGoOn(regulars, running))
  const missed = deaths.filter(({ wasKilled }) => !wasKilled).length
  return {
    point,
    judgement,
    counted: [
      ...summaryOf(judgement, point),
      { what: `${point.name}: services that did not die there`, count: missed, of: deaths.length },
    ],
  }
}

/** One row for all that must not happen, and the rows of what did. */
function summaryOf(judgement: Judgement, { name }: KillPoint): Counted[] {
  const rows = countedOf(judgement, `${name}: `)
  const happened = rows.filter(({ count }) => count > 0)
  const count = happened.reduce((sum, row) => sum + row.count, 0)
  return [
    { what: `${name}: anything lost`, count, of: judgement.answered['sign up'] + judgement.answered.refresh },
    ...happened,
  ]
}
