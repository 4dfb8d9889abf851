import { fork } from 'node:child_process'
import { type Alteration, alteredSource } from '../support/altered-source.ts'
import type { TrialReport, TrialRequest } from './answer-trial.ts'
import type { Findings, Trial } from './experiment.ts'

/**
 * Runs a trial in a process of its own, in which the sources of the service are altered: so the service can run in the
 * process that tries it, on the same clock.
 *
 * @param entry the file of that process, which calls `answerTrial`
 */
export async function runAltered<Plan>(
  entry: string,
  { progress, ...trial }: Trial,
  plan: Plan,
  alterations: Alteration[],
): Promise<Findings> {
  const { env, execArgv } = alteredSource(alterations)
  const child = fork(entry, {
    env: { ...process.env, ...env },
    execArgv: [...process.execArgv.filter(option => !option.startsWith('--test')), ...execArgv],
  })
  const { promise, resolve, reject } = Promise.withResolvers<Findings>()
  child.on('message', (report: TrialReport) => {
    if ('findings' in report) resolve(report.findings)
    else if ('fault' in report) reject(new Error(report.fault))
    else progress(report.done, report.note)
  })
  child.on('exit', (code, signal) => reject(new Error(`the trial ended with ${signal ?? `exit code ${code}`}`)))
  child.send({ ...trial, plan } satisfies TrialRequest<Plan>)
  return promise
}
