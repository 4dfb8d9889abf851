import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type FileOutcomes, keptOutcomes } from '../../support/outcomes.ts'
import { EXPERIMENTS } from '../experiments.ts'
import { storedResults } from '../report/result.ts'
import { coverageOf, requirementsIn, testFiles } from './coverage.ts'
import { composeRequirements } from './document.ts'
import { REQUIREMENTS } from './requirements.ts'

const FOLDER = join(import.meta.dirname, '../../../docs/security')
const OUTCOMES = join(FOLDER, 'test-outcomes.json')
const DOCUMENT = join(FOLDER, 'requirements.md')

/** Writes docs/security/requirements.md. */
export function writeMap(): void {
  writeFileSync(DOCUMENT, composedMap())
}

/** Takes over what came of the tests that were run here. */
export function takeOutcomes(): void {
  mkdirSync(FOLDER, { recursive: true })
  const files = new Set(testFiles().map(({ file }) => file))
  const byFile = new Map([...storedOutcomes(), ...keptOutcomes()].map(one => [one.file, one]))
  const outcomes = [...byFile.values()]
    .filter(({ file }) => files.has(file))
    .map(withNamedTests)
    .filter(({ tests }) => Object.keys(tests).length > 0)
    .sort((a, b) => (a.file < b.file ? -1 : 1))
  writeFileSync(OUTCOMES, `${JSON.stringify(outcomes, undefined, 2)}\n`)
}

/** Whether docs/security/requirements.md is what tests, experiments and the outcomes that are kept give. */
export function isMapUpToDate(): boolean {
  return existsSync(DOCUMENT) && readFileSync(DOCUMENT, 'utf8') === composedMap()
}

function composedMap(): string {
  return composeRequirements({
    groups: REQUIREMENTS,
    coverage: coverageOf(Object.values(REQUIREMENTS).flat(), { files: testFiles(), experiments: EXPERIMENTS }),
    outcomes: storedOutcomes(),
    results: storedResults(),
  })
}

function storedOutcomes(): FileOutcomes[] {
  return existsSync(OUTCOMES) ? JSON.parse(readFileSync(OUTCOMES, 'utf8')) : []
}

function withNamedTests(outcomes: FileOutcomes): FileOutcomes {
  const named = Object.entries(outcomes.tests).filter(([name]) => requirementsIn(name).length > 0)
  return { ...outcomes, tests: Object.fromEntries(named) }
}
