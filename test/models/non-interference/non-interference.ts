import { fork } from 'node:child_process'
import { join } from 'node:path'
import type { Experiment, Findings, Trial } from '../../proof/experiment.ts'
import type { TrialReport } from '../../proof/trial-process.ts'
import { type Alteration, alteredSource } from '../../support/altered-source.ts'
import type { Plan } from './model.ts'
import type { ModelRequest } from './model-process.ts'
import { HISTORIES, type HistoryName } from './owner.ts'

/** So that a sequence takes a fraction of a second, and what the service does is done when the model says so. */
const FOR_THE_MODEL: Alteration[] = [
  // Hashing for nothing: that it costs the same for all is shown elsewhere.
  {
    file: 'passwords/password-hasher.ts',
    find: '= { memoryCost: 19 * 1024, timeCost: 2, parallelism: 1 }',
    replace: '= { memoryCost: 8, timeCost: 1, parallelism: 1 }',
  },
  // Refusals are not held back for seconds when there are many.
  { file: 'http/held-refusals.ts', find: 'const AT_ONCE = 20 ', replace: 'const AT_ONCE = 1e9 ' },
  // What comes due is done by the model, right after it has moved the clock.
  { file: 'housekeeping.ts', find: 'const MINUTE = 60_000 ', replace: 'const MINUTE = 2e8 ' },
]

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
  const { env, execArgv } = alteredSource([...FOR_THE_MODEL, ...alterations])
  const child = fork(join(import.meta.dirname, 'model-process.ts'), {
    env: { ...process.env, ...env },
    execArgv: [...process.execArgv.filter(option => !option.startsWith('--test')), ...execArgv],
  })
  const { promise, resolve, reject } = Promise.withResolvers<Findings>()
  child.on('message', (report: TrialReport) => {
    if ('findings' in report) resolve(report.findings)
    else if ('fault' in report) reject(new Error(report.fault))
    else trial.progress(report.done, report.note)
  })
  child.on('exit', (code, signal) => reject(new Error(`the model ended with ${signal ?? `exit code ${code}`}`)))
  const { progress: _, ...rest } = trial
  child.send({ ...rest, plan } satisfies ModelRequest)
  return promise
}
