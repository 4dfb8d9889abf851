import { percentile } from '../../measuring/statistics.ts'
import type { Experiment } from '../../proof/experiment.ts'
import { seededRandom } from '../../proof/random.ts'
import { newcomers, Regular } from '../history/clients.ts'
import { countedOf } from '../history/counted.ts'
import { openEmbeddedStage } from '../history/embedded-stage.ts'
import { type Death, exchangesGoOn, killAfter, liveOnce } from '../history/lives.ts'

const NEWCOMERS = 4
const REGULARS = 2

export const embeddedSurvivesKills: Experiment = {
  id: 'F15',
  title: 'Kills of the service with its embedded database',
  claim: 'With the database and the mailbox inside the killed process too, nothing that was answered is lost or torn.',
  command: 'prove',
  proves: ['R88'],
  trials: { short: 2, full: 200 },
  async run({ trials, seed, directory, progress }) {
    await using stage = await openEmbeddedStage({ directory, name: 'history' })
    const regulars = Array.from({ length: REGULARS }, () => new Regular(stage.history, stage.mail))
    const clients = [...Array.from({ length: NEWCOMERS }, () => newcomers(stage.history)), ...regulars]
    const random = seededRandom(seed)
    const deaths: Death[] = []
    while (deaths.length < trials) {
      const delay = 30 + 400 * random() // milliseconds
      deaths.push(await liveOnce(stage, clients, { kill: killAfter(delay) }))
      progress(deaths.length)
    }
    const judgement = await stage.settle(running => exchangesGoOn(regulars, running))
    const { letters, duplicates, answered, isSchemaIntact } = judgement
    const ownEnds = deaths.filter(({ wasKilled }) => !wasKilled).length
    return {
      trials: deaths.length,
      unit: 'kills',
      counted: [
        ...countedOf(judgement),
        { what: 'differences of the schema from what the migrations make', count: isSchemaIntact ? 0 : 1, of: 1 },
        { what: 'services that ended by themselves', count: ownEnds, of: deaths.length },
      ],
      measured: [
        { what: 'sign-ups answered', value: answered['sign up'], unit: '' },
        { what: 'share of letters that came twice', value: duplicates / letters, unit: '' },
        { what: 'start after a kill, p50', value: percentile(startsOf(deaths), 0.5), unit: 'ms' },
        { what: 'start after a kill, longest', value: Math.max(...startsOf(deaths)), unit: 'ms' },
      ],
      plots: [
        {
          name: 'starts',
          title: 'Start of the service with its embedded database, after each kill',
          x: { label: 'kill' },
          y: { label: 'ms' },
          lines: [{ label: 'until it answered', points: startsOf(deaths).map((ms, index) => [index, ms] as const) }],
        },
      ],
      remarks: [
        'SIGKILL came 30 to 430 ms after the first answer of the service, each time on the same data directory; every start succeeded, or there would be no figures.',
        'A killed process leaves what it wrote to the system, which writes it to the disk: this is no power cut.',
      ],
    }
  },
}

const startsOf = (deaths: Death[]) => deaths.map(({ startedWithin }) => startedWithin)
