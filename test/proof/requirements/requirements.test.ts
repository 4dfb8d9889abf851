import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Experiment } from '../experiment.ts'
import { EXPERIMENTS } from '../experiments.ts'
import { coverageOf, faultsOf, requirementsIn, testFiles } from './coverage.ts'
import { composeRequirements } from './document.ts'
import { isMapUpToDate } from './map.ts'
import type { Requirement } from './requirement.ts'
import { REQUIREMENTS } from './requirements.ts'

const all = Object.values(REQUIREMENTS).flat()

suite('requirements', () => {
  test('each P0 that applies has a test that names it', () => {
    const faults = faultsOf(all, { files: testFiles(), experiments: EXPERIMENTS })
    assert.ok(faults.length === 0, faults.join('\n'))
  })

  test('docs/security/requirements.md is what tests and results give', () => {
    assert.ok(isMapUpToDate(), 'npm run requirements writes it anew')
  })

  test('are numbered without a gap', () => {
    const ids = all.map(({ id }) => id)
    assert.deepEqual(
      ids,
      Array.from({ length: ids.length }, (_, index) => `R${String(index + 1).padStart(2, '0')}`),
    )
  })
})

suite('the check of the requirements', () => {
  const requirement: Requirement = { id: 'R42', priority: 'P0', requirement: 'One successor.', sources: 'RFC 9700' }
  const tagged = (...ids: string[]) => `test('races [${ids.join(', ')}]', () => {})`
  const file = (source: string) => ({ file: 'test/races.test.ts', source })
  const experiment: Experiment = {
    ...{ id: 'F6', title: 'Races', claim: 'One.', command: 'prove', trials: { short: 1, full: 1 }, proves: ['R42'] },
    run: () => Promise.reject(new Error('not run here')),
  }
  const faults = (changed: Partial<Requirement>, source: string, experiments: Experiment[] = []) =>
    faultsOf([{ ...requirement, ...changed }], { files: [file(source)], experiments })

  test('passes what a test names, also with others, in a group or in a table of cases', () => {
    assert.deepEqual(faults({}, tagged('R42')), [])
    assert.deepEqual(requirementsIn('both [R42, R43] and [R44]'), ['R42', 'R43', 'R44'])
    assert.deepEqual(faults({}, `const cases = [{ name: "it's one [${requirement.id}]" }]`), [])
  })

  test('fails a P0 without a test, which an experiment does not replace', () => {
    assert.match(faults({}, '').join(), /R42 has no test: One successor\./)
    assert.match(faults({}, '', [experiment]).join(), /R42 has no test/)
    assert.match(faults({}, `// ${tagged('R42')}`).join(), /R42 has no test/)
    assert.deepEqual(faults({ priority: 'P1' }, ''), [])
  })

  test('passes a P0 that does not apply, with its reason, until something proves it', () => {
    assert.deepEqual(faults({ notYet: 'nothing to reset' }, ''), [])
    assert.match(faults({ notYet: 'nothing to reset' }, tagged('R42')).join(), /take that reason away/)
  })

  test('fails a test or an experiment that names what is no requirement', () => {
    assert.match(faults({}, tagged('R42', 'R99')).join(), /test\/races\.test\.ts names R99/)
    assert.match(faults({}, tagged('R42'), [{ ...experiment, proves: ['R98'] }]).join(), /Experiment F6 names R98/)
  })

  test('tells the last result of each test', () => {
    const documentOf = (tests?: Record<string, boolean>) =>
      composeRequirements({
        groups: { Sessions: [requirement] },
        coverage: coverageOf([requirement], { files: [file(tagged('R42'))], experiments: [experiment] }),
        outcomes: tests ? [{ file: 'test/races.test.ts', date: '2026-01-02', commit: 'abc', tests }] : [],
        results: new Map(),
      })
    const name = `races [${requirement.id}]`
    assert.match(documentOf({ [name]: true }), /races\.test\.ts\): races \(passed 2026-01-02, abc\)/)
    assert.match(documentOf({ [name]: false }), /\*\*failed\*\* 2026-01-02, abc/)
    assert.match(documentOf(), /races \(not run yet\).*F6.*\(not run yet\)/)
  })
})
