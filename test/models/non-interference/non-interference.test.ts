import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Trial, violationsOf } from '../../proof/experiment.ts'
import { runShort } from '../../proof/short-form.ts'
import { nonInterference, runModel } from './non-interference.ts'

// What a failure prints goes here, to repeat that one sequence; AUTH_TEST_SEED repeats all of a run.
const { histories, ...replay } = JSON.parse(process.env.AUTH_TEST_SEQUENCE ?? '{}')

test(`${nonInterference.claim} [R01]`, async () => {
  const experiment = histories
    ? { ...nonInterference, run: (trial: Trial) => runModel(trial, { histories, replay }) }
    : nonInterference
  const seed = Number(process.env.AUTH_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
  const findings = await runShort(experiment, seed)
  assert.deepEqual(violationsOf(findings), [], `AUTH_TEST_SEED=${seed}\n${findings.remarks?.join('\n\n')}`)
})
