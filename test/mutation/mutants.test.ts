import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { violationsOf } from '../proof/experiment.ts'
import type { Mutant, MutationReport } from './mutants.ts'
import { findingsOf } from './mutation.ts'

const mutant = (status: Mutant['status'], column: number): Mutant => ({
  mutatorName: 'EqualityOperator',
  replacement: 'a <= b',
  location: { start: { line: 2, column }, end: { line: 2, column: column + 5 } },
  status,
})
const reportOf = (...mutants: Mutant[]): MutationReport => ({
  files: { 'src/x.ts': { source: 'const c =\n  a < b', mutants } },
})

suite('the findings of a mutation run', () => {
  test('name each change that no test noticed', () => {
    const { counted, remarks } = findingsOf(
      reportOf(mutant('Killed', 3), mutant('Survived', 3), mutant('NoCoverage', 3)),
    )
    assert.deepEqual(counted[0], { what: 'changes that no test noticed', count: 2, of: 3, atMost: 0 })
    assert.ok(remarks?.includes('Not noticed: src/x.ts:2 `a < b` → `a <= b`'))
  })

  test('break the claim from 15 % on', () => {
    const killed = Array.from({ length: 17 }, () => mutant('Killed', 3))
    const survived = (count: number) => Array.from({ length: count }, () => mutant('Survived', 3))
    assert.equal(violationsOf(findingsOf(reportOf(...killed, ...survived(3)))).length, 0)
    assert.equal(violationsOf(findingsOf(reportOf(...killed, ...survived(4)))).length, 1)
  })

  test('count what makes a test hang as noticed, and leave out what could not run', () => {
    const { counted } = findingsOf(reportOf(mutant('Timeout', 3), mutant('CompileError', 3), mutant('Ignored', 3)))
    assert.deepEqual([counted[0]?.count, counted[0]?.of], [0, 1])
  })
})
