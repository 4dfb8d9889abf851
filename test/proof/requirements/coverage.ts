import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Experiment } from '../experiment.ts'
import type { Requirement } from './requirement.ts'

const ROOT = join(import.meta.dirname, '../../..')

export type TestFile = { file: string; source: string }

/** A test, or a group of tests, that names requirements. */
export type NamedTest = { file: string; name: string }

/** What proves one requirement. */
export type Coverage = { requirement: Requirement; tests: NamedTest[]; experiments: Experiment[] }

/** All test files, but for those of this folder, where names are examples. */
export function testFiles(): TestFile[] {
  const files = globSync('test/**/*.test.ts', { cwd: ROOT, exclude: ['test/proof/requirements'] }).sort()
  return files.map(file => ({ file, source: readFileSync(join(ROOT, file), 'utf8') }))
}

/** What proves each requirement, in their order. */
export function coverageOf(
  requirements: readonly Requirement[],
  { files, experiments }: { files: readonly TestFile[]; experiments: readonly Experiment[] },
): Coverage[] {
  const named = files.flatMap(testsThatNameRequirements)
  return requirements.map(requirement => ({
    requirement,
    tests: named.filter(({ name }) => requirementsIn(name).includes(requirement.id)),
    experiments: experiments.filter(({ proves = [] }) => proves.includes(requirement.id)),
  }))
}

/** What is wrong with how requirements are proven, as sentences; nothing when each is in order. */
export function faultsOf(
  requirements: readonly Requirement[],
  found: { files: readonly TestFile[]; experiments: readonly Experiment[] },
): string[] {
  const known = new Set<string>(requirements.map(({ id }) => id))
  const unknown = (where: string, ids: readonly string[]) =>
    ids.filter(id => !known.has(id)).map(id => `${where} names ${id}, which is no requirement.`)
  const named = found.files.flatMap(testsThatNameRequirements)
  return [
    ...coverageOf(requirements, found).flatMap(coverageFault),
    ...named.flatMap(({ file, name }) => unknown(file, requirementsIn(name))),
    ...found.experiments.flatMap(({ id, proves = [] }) => unknown(`Experiment ${id}`, proves)),
  ]
}

function coverageFault({ requirement, tests, experiments }: Coverage): string[] {
  const { id, priority, notYet } = requirement
  const isProven = tests.length > 0
  if (notYet !== undefined)
    return isProven || experiments.length > 0
      ? [`${id} is proven though it does not apply ("${notYet}"): take that reason away.`]
      : []
  if (isProven || priority !== 'P0') return []
  return [`${id} has no test: ${requirement.requirement} Name it [${id}] in the name of the test that proves it.`]
}

// A string on one line that names requirements in brackets: the name of a test, also where a table of cases has it.
const NAME = /(['"`])((?:\\.|(?!\1)[^\\\n])*?\[R\d\d[R\d, ]*\](?:\\.|(?!\1)[^\\\n])*)\1/g

function testsThatNameRequirements({ file, source }: TestFile): NamedTest[] {
  const code = source.replace(/^\s*(?:\/\/|\/?\*).*$/gm, '')
  return [...code.matchAll(NAME)].map(([, , name = '']) => ({ file, name: name.replace(/\\(.)/g, '$1') }))
}

/** The requirements that a name has in brackets: `[R42]`, or `[R42, R43]`. */
export function requirementsIn(name: string): string[] {
  return [...name.matchAll(/\[(R\d\d(?:[, ]+R\d\d)*)\]/g)].flatMap(([, ids = '']) => ids.split(/[, ]+/))
}
