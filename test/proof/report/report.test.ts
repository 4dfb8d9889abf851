import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Experiment, Findings } from '../experiment.ts'
import { EXPERIMENTS } from '../experiments.ts'
import { progressInWords } from '../progress.ts'
import { composeProof } from './document.ts'
import { outdatedFiles } from './report.ts'
import type { Result } from './result.ts'

const findings: Findings = {
  trials: 10_000,
  unit: 'races',
  counted: [{ what: 'sessions with two successors', count: 0, of: 10_000 }],
  measured: [{ what: 'refresh p99', value: 31.24, unit: 'ms', promised: { below: 25 } }],
  plots: [{ name: 'latency', title: 'Latency', x: { label: 's' }, y: { label: 'ms' }, lines: [] }],
  remarks: ['Loopback only.'],
}
const experiment: Experiment = {
  ...{ id: 'F6', title: 'Races', claim: 'One successor.', command: 'prove', trials: { short: 5, full: 10_000 } },
  run: async () => findings,
}
const result: Result = {
  ...{ id: 'F6', title: 'Races', claim: 'One successor.', command: 'prove', findings, seed: 7, seconds: 200 },
  ...{ trials: { asked: 10_000, full: 10_000 }, machine: { commit: 'abc', processor: '2 cores' }, busyBefore: 0 },
}
const documentOf = (...results: Result[]) => composeProof([experiment], new Map(results.map(one => [one.id, one])))

suite('docs/proof.md', () => {
  test('is what the results that are kept give', () => {
    assert.deepEqual(outdatedFiles(EXPERIMENTS), [], 'npm run prove -- --write writes it anew')
  })

  test('states the bound beside each zero', () => {
    assert.match(documentOf(result), /\*\*0\*\* of 10,000 sessions with two successors: below 0\.03 %/)
  })

  test('says plainly what falls short', () => {
    assert.match(documentOf(result), /\*\*falls short\*\*: refresh p99 is 31\.2 ms/)
    assert.match(documentOf(result), /\| refresh p99 \| 31\.2 ms \| below 25 ms \| \*\*falls short\*\* \|/)
  })

  test('says how to repeat it, where, and shows its drawings', () => {
    const document = documentOf(result)
    assert.match(document, /10,000 races in 3 min 20 s \(commit abc, processor 2 cores\)/)
    assert.match(document, /`npm run prove -- F6 --seed 7`/)
    assert.match(document, /!\[Latency\]\(proof\/F6-latency\.svg\)/)
    assert.match(document, /- Loopback only\./)
    assert.match(document, /## What was not run\n\nEvery claim was tried in full\./)
  })

  test('says what was not run, or only in part', () => {
    assert.match(documentOf(), /## What was not run\n\n- F6: One successor\. \(`npm run prove -- F6`\)/)
    const part = documentOf({ ...result, trials: { asked: 50, full: 10_000 } })
    assert.match(part, /## What was not run\n\n- F6: only 50 of 10,000 trials were run\./)
    assert.match(part, /tried in part/)
  })

  test('says when something else was running', () => {
    assert.match(documentOf({ ...result, busyBefore: 1.2 }), /Other programs kept 1\.2 cores busy/)
  })
})

suite('experiments', () => {
  test('have ids of their own', () => {
    const ids = EXPERIMENTS.map(({ id }) => id)
    assert.deepEqual(ids, [...new Set(ids)])
  })

  test('show how far they are, and how long they will take', () => {
    const half = progressInWords({ name: 'F6 Races', trials: 10_000, done: 5_000, seconds: 80, note: '' })
    assert.equal(half, 'F6 Races  ████████████░░░░░░░░░░░░  5,000 of 10,000  1 min 20 s, about 1 min 20 s left')
  })
})
