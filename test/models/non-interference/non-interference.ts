import { join } from 'node:path'
import { runAltered } from '../../proof/altered-trial.ts'
import type { Experiment, Findings, Trial } from '../../proof/experiment.ts'
import type { Alteration } from '../../support/altered-source.ts'
import type { Plan } from './model.ts'
import { HISTORIES, type HistoryName } from './owner.ts'
import { FOR_WORLDS } from './world-alterations.ts'

const ALL = Object.keys(HISTORIES).filter(name => name !== 'unknown') as HistoryName[]

export const nonInterference: Experiment = {
  id: 'F21',
  title: 'Non-interference: what a stranger sees',
  claim:
    'Whatever a stranger asks of any endpoint, in whatever order, over hours and days, all that can be seen is the same ' +
    'whether the address is unknown, unconfirmed, confirmed or disabled: status, headers, cookies, bodies, limits, and how ' +
    'far each sign-up is.',
  command: 'prove',
  proves: ['R01'],
  trials: { short: 10, full: 1_000 },
  run: trial => runModel(trial, { histories: ALL }),
}

/** @param alterations of the service, which is to be found out; what finds it is not shortened */
export function nonInterferenceOn(alterations: Alteration[], histories: HistoryName[]): Experiment {
  return {
    ...nonInterference,
    id: 'F21-control',
    trials: { short: 80, full: 80 }, // at the most: it ends when it is found
    run: trial => runModel(trial, { histories, endOnFailure: true }, alterations),
  }
}

/** Runs the model in a process of its own, which is how the service in it can be altered. */
export async function runModel(trial: Trial, plan: Plan, alterations: Alteration[] = []): Promise<Findings> {
  const entry = join(import.meta.dirname, 'model-process.ts')
  return runAltered(entry, trial, plan, [...FOR_WORLDS, ...alterations])
}
