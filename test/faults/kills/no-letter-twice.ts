import { setTimeout as pause } from 'node:timers/promises'
import type { Experiment } from '../../proof/experiment.ts'
import { newcomers, Regular } from '../history/clients.ts'
import { countedOf } from '../history/counted.ts'
import { liveOnce } from '../history/lives.ts'
import { openStage, type Running } from '../history/stage.ts'

const NEWCOMERS = 8
const REGULARS = 2

export const noLetterTwice: Experiment = {
  id: 'F2',
  title: 'No letter comes twice',
  claim: 'In normal operation no letter comes twice.',
  command: 'prove',
  trials: { short: 30, full: 2_000 },
  async run(trial) {
    await using stage = await openStage({ ...trial, name: 'history' })
    const clients = [
      ...Array.from({ length: NEWCOMERS }, () => newcomers(stage.history)),
      ...Array.from({ length: REGULARS }, () => new Regular(stage.history, stage.mail)),
    ]
    const signUps = () =>
      stage.history.events.filter(event => event.type === 'ok' && event.account !== undefined).length
    const afterSignUps = async ({ process }: Running) => {
      for (; signUps() < trial.trials; await pause(100)) trial.progress(signUps())
      await process.kill('SIGTERM')
    }
    await liveOnce(stage, clients, { kill: afterSignUps })
    const judgement = await stage.settle()
    const { letters, duplicates } = judgement
    return {
      trials: letters,
      unit: 'letters',
      counted: [...countedOf(judgement), { what: 'letters that came twice', count: duplicates, of: letters }],
      measured: [],
      remarks: [
        `${NEWCOMERS} clients signed up and ${REGULARS} more also kept sessions; then the service was stopped by SIGTERM under that load and another finished.`,
      ],
    }
  },
}
