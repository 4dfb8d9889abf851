import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const FOLDER = join(import.meta.dirname, '../../build/outcomes')

/** What came of the tests of a file when they were last run. */
export type FileOutcomes = {
  file: string
  date: string
  commit: string
  /** Whether each passed, by its whole name. */
  tests: Record<string, boolean>
}

/** Keeps what came of a test file, in place of what came of it before. */
export function keepOutcomes(file: string, tests: Record<string, boolean>): void {
  mkdirSync(FOLDER, { recursive: true })
  const outcomes: FileOutcomes = { file, date: new Date().toISOString().slice(0, 10), commit: commit(), tests }
  writeFileSync(join(FOLDER, `${file.replaceAll(/[\\/]/g, '__')}.json`), JSON.stringify(outcomes))
}

/** What came of all test files that were run here. */
export function keptOutcomes(): FileOutcomes[] {
  if (!existsSync(FOLDER)) return []
  return readdirSync(FOLDER).map(name => JSON.parse(readFileSync(join(FOLDER, name), 'utf8')))
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return 'unknown' // the sources without their history
  }
}
