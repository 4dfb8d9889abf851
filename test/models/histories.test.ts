import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Experiment, violationsOf } from '../proof/experiment.ts'
import { runShort } from '../proof/short-form.ts'
import { histories, historiesWithCrashes, repeatHistory } from './histories.ts'

// What a failure prints goes here, to repeat that one history; AUTH_TEST_SEED repeats all of a run.
const replay = JSON.parse(process.env.AUTH_TEST_HISTORY ?? 'null')

for (const experiment of [histories, historiesWithCrashes])
  test(experiment.claim, async () => {
    if (!replay) await holds(experiment)
    else if (replay.id === experiment.id) await repeatHistory(process.env.AUTH_TEST_POSTGRES!, replay)
  })

async function holds(experiment: Experiment): Promise<void> {
  const seed = Number(process.env.AUTH_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
  const findings = await runShort(experiment, seed)
  assert.deepEqual(violationsOf(findings), [], `AUTH_TEST_SEED=${seed}\n${findings.remarks?.join('\n\n')}`)
}
