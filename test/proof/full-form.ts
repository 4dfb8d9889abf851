import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { startDurablePostgres } from '../measuring/durable-postgres.ts'
import { opening } from '../measuring/opened.ts'
import { startPostgres } from '../support/postgres.ts'
import { AGAINST_V8_FAULT } from '../support/test-file.ts'
import type { TrialReport, TrialRequest } from './answer-trial.ts'
import type { Experiment, Findings } from './experiment.ts'

const EVIDENCE = join(import.meta.dirname, '../../build/proof')
const LONGEST_SILENCE = 15 * 60_000 // milliseconds without progress

export type FullForm = {
  trials: number
  seed: number
  progress(done: number, note?: string): void
}

export type FullRun = { findings: Findings; seconds: number; postgresVersion: string }

/**
 * Runs an experiment in a process of its own, with a PostgreSQL server of its own, nothing of which is left afterwards.
 *
 * @throws what the experiment throws, and when its process ends without findings or makes no progress for long
 */
export async function runInFull(experiment: Experiment, form: FullForm): Promise<FullRun> {
  await using postgres = experiment.isDurable ? await startDurablePostgres() : await startPostgres()
  const directory = join(EVIDENCE, experiment.id)
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const postgresVersion = await versionOf(postgres.url)

  const child = fork(join(import.meta.dirname, 'trial-process.ts'), {
    detached: true, // a group of its own, so that all of it can be ended
    execArgv: AGAINST_V8_FAULT,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  await using _group = opening(() => endGroup(child))
  const began = performance.now()
  const { trials, seed } = form
  const request = { trials, seed, postgresUrl: postgres.url, directory, plan: experiment.id }
  child.send(request satisfies TrialRequest<string>)
  const findings = await findingsOf(child, form.progress)
  return { findings, seconds: (performance.now() - began) / 1_000, postgresVersion }
}

async function findingsOf(child: ChildProcess, progress: FullForm['progress']): Promise<Findings> {
  const { promise, resolve, reject } = Promise.withResolvers<Findings>()
  const late = () => reject(new Error(`it made no progress for ${LONGEST_SILENCE / 60_000} minutes`))
  const timer = setTimeout(late, LONGEST_SILENCE)
  child.on('message', (report: TrialReport) => {
    timer.refresh()
    if ('findings' in report) resolve(report.findings)
    else if ('fault' in report) reject(new Error(report.fault))
    else progress(report.done, report.note)
  })
  child.on('exit', (code, signal) => reject(new Error(`its process ended with ${signal ?? `exit code ${code}`}`)))
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}

async function endGroup(child: ChildProcess): Promise<void> {
  const isOver = child.exitCode !== null || child.signalCode !== null
  const ended = isOver ? undefined : once(child, 'exit')
  try {
    process.kill(-child.pid!, 'SIGKILL')
  } catch {
    // nobody is left
  }
  await ended
}

async function versionOf(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query("select current_setting('server_version') as version")
    return rows[0].version
  } finally {
    await client.end()
  }
}
