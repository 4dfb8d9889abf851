/**
 * Tries what the service promises, in full, and writes docs/proof.md from what comes of it. Nothing else should run on
 * the machine.
 *
 *   npm run prove                         what takes minutes: all of it in about an hour on 2 cores
 *   npm run prove:long                    what takes longer
 *   npm run prove -- F1 F6                these experiments alone, of either kind
 *   npm run prove -- F6 --trials 50       in part, to try it out; what comes of it is shown, and kept with --store only
 *   npm run prove -- F6 --seed 7          with the same choices again
 *   npm run prove -- --write              runs nothing, writes docs/proof.md from the results that are kept
 *
 * Ends with exit code 1 if a claim falls short or an experiment failed; the others run nevertheless.
 */

import { readFileSync, statfsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { freemem, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { busyCores, describeMachine } from '../measuring/machine.ts'
import { closeOnSignals } from '../measuring/opened.ts'
import type { Experiment } from './experiment.ts'
import { EXPERIMENTS } from './experiments.ts'
import { runInFull } from './full-form.ts'
import { ProgressLine } from './progress.ts'
import { writeReport } from './report/report.ts'
import { type Result, storeResult } from './report/result.ts'
import { boundOf, verdictOf } from './report/verdict.ts'
import { duration, figure, whole } from './report/words.ts'
import { writeMap } from './requirements/map.ts'

const LEAST_MEMORY = 1.5 * 2 ** 30 // bytes
const LEAST_DISK = 2 * 2 ** 30 // bytes

const print = (line: string) => void process.stdout.write(`${line}\n`)

const untilStopped = closeOnSignals()

try {
  process.exitCode = (await prove(readArguments())) ? 0 : 1
} catch (error) {
  await untilStopped()
  print(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}

type Wishes = { experiments: Experiment[]; trials?: number; seed?: number; isStored: boolean }

function readArguments(): Wishes {
  const { values, positionals } = parseArgs({
    options: {
      long: { type: 'boolean', default: false },
      trials: { type: 'string' },
      seed: { type: 'string' },
      store: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  })
  const known = EXPERIMENTS.map(({ id }) => id)
  for (const id of positionals)
    if (!known.includes(id)) throw new Error(`The experiments are ${known.join(', ')}. Found: ${id}`)
  const command = values.long ? 'prove:long' : 'prove'
  const isWanted = (one: Experiment) =>
    !values.write && (positionals.length > 0 ? positionals.includes(one.id) : one.command === command)
  const trials = values.trials === undefined ? undefined : wholeNumber('--trials', values.trials, 1)
  const seed = values.seed === undefined ? undefined : wholeNumber('--seed', values.seed, 0)
  return {
    experiments: EXPERIMENTS.filter(isWanted),
    ...(trials !== undefined && { trials }),
    ...(seed !== undefined && { seed }),
    isStored: trials === undefined || values.store,
  }
}

function wholeNumber(option: string, text: string, least: number): number {
  if (!/^\d{1,10}$/.test(text) || Number(text) < least)
    throw new Error(`${option} takes a whole number from ${least} on. Found: ${text}`)
  return Number(text)
}

/** @returns whether every claim held */
async function prove({ experiments, trials, seed, isStored }: Wishes): Promise<boolean> {
  const faults: string[] = []
  for (const experiment of experiments) {
    const { id, title } = experiment
    const asked = trials ?? experiment.trials.full
    const line = new ProgressLine(`${id} ${title}`, asked)
    try {
      const result = await resultOf(experiment, asked, seed ?? Math.floor(Math.random() * 2 ** 31), line)
      if (isStored) keep(result)
      const { isHeld } = verdictOf(result.findings)
      line.end(`${isHeld ? 'holds' : 'FALLS SHORT'}, ${duration(result.seconds)}, seed ${result.seed}`)
      tell(result)
      if (!isHeld) faults.push(`${id} falls short: ${experiment.claim}`)
    } catch (error) {
      await untilStopped()
      line.end('FAILED')
      faults.push(`${id} failed: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  if (isStored) writeDocuments()
  print(isStored ? 'Wrote docs/proof.md.' : 'Nothing was kept: it was run in part. --store keeps it.')
  for (const fault of faults) print(`\n${fault}`)
  return faults.length === 0
}

// At once: a run that is stopped has told what it found.
function keep(result: Result): void {
  storeResult(result)
  writeDocuments()
}

function writeDocuments(): void {
  writeReport(EXPERIMENTS)
  writeMap()
}

async function resultOf(experiment: Experiment, asked: number, seed: number, line: ProgressLine): Promise<Result> {
  const { id, title, claim, command, trials } = experiment
  checkMachine()
  const busyBefore = Number((await busyCores()).toFixed(1))
  const before = Object.fromEntries(await describeMachine('')) // sources may change while it runs
  const run = await runInFull(experiment, { trials: asked, seed, progress: (done, note) => line.show(done, note) })
  const machine = { ...before, PostgreSQL: run.postgresVersion, PGlite: pgliteVersion() }
  const { findings, seconds } = run
  return {
    ...{ id, title, claim, command, seed, trials: { asked, full: trials.full } },
    ...{ seconds: Math.round(seconds), machine, busyBefore, findings },
  }
}

/** @throws where an experiment would fail for another reason than the service */
function checkMachine(): void {
  const { bavail, bsize } = statfsSync(tmpdir())
  const shortages = [
    freemem() < LEAST_MEMORY && `${gibibytes(LEAST_MEMORY)} of free memory (found ${gibibytes(freemem())})`,
    bavail * bsize < LEAST_DISK &&
      `${gibibytes(LEAST_DISK)} of free disk for temporary files (found ${gibibytes(bavail * bsize)})`,
  ].filter(shortage => shortage !== false)
  if (shortages.length > 0) throw new Error(`It needs ${shortages.join(' and ')}. Close other programs, and try again.`)
}

const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`

function pgliteVersion(): string {
  const entry = createRequire(import.meta.url).resolve('@electric-sql/pglite')
  return JSON.parse(readFileSync(join(dirname(entry), '../package.json'), 'utf8')).version
}

function tell({ findings }: Result): void {
  for (const one of findings.counted) print(`    ${whole(one.count)} of ${whole(one.of)} ${one.what}: ${boundOf(one)}`)
  const { missed } = verdictOf(findings)
  for (const one of findings.measured)
    print(`    ${one.what}: ${figure(one.value, one.unit)}${missed.includes(one) ? ' (FALLS SHORT)' : ''}`)
}
