import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Experiment, type Findings, violationsOf } from './experiment.ts'

const EVIDENCE = join(import.meta.dirname, '../../build/proof/short')

/**
 * Tries an experiment in its short form, and asserts that nothing broke its claim and that something was tried.
 *
 * Another seed each time, so that runs add up; AUTH_TEST_SEED repeats one.
 */
export async function holdsInShort(experiment: Experiment): Promise<Findings> {
  const seed = Number(process.env.AUTH_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
  const findings = await runShort(experiment, seed)
  assert.deepEqual(violationsOf(findings), [], `${experiment.claim} Repeat with AUTH_TEST_SEED=${seed}`)
  return findings
}

/** Tries an experiment in its short form, whatever comes of it. */
export async function runShort(experiment: Experiment, seed: number): Promise<Findings> {
  const postgresUrl = process.env.AUTH_TEST_POSTGRES
  if (!postgresUrl) throw new Error('AUTH_TEST_POSTGRES is missing: run this file by npm test -- <file>')
  const directory = join(EVIDENCE, experiment.id)
  await mkdir(directory, { recursive: true })
  const findings = await experiment.run({
    trials: experiment.trials.short,
    seed,
    postgresUrl,
    directory,
    progress: () => {},
  })
  assert.ok(findings.trials > 0, 'nothing was tried')
  return findings
}
