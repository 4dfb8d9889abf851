/**
 * Runs all checks and tests, as steps whose names say what holds, and ends with the line `N passed, N failed`.
 *
 *   node test/run.ts                            everything, on PGlite and PostgreSQL 18
 *   node test/run.ts --postgres 15              on another release; may be given several times
 *   node test/run.ts test/arrows.test.ts …      only these files, or the files in these folders
 *
 * AUTH_TEST_CONCURRENCY says how many test files run at a time (3, also on two cores: much of their time is waiting).
 * AUTH_TEST_DATABASE_URL names a PostgreSQL server to use instead of one that is started for the run. Test files find its
 * URL in AUTH_TEST_POSTGRES. What came of each test is kept in build/outcomes, for `npm run requirements`.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { keepOutcomes } from './support/outcomes.ts'
import { startPostgres } from './support/postgres.ts'
import { endTestFiles, runTestFile } from './support/test-file.ts'

type Release = 15 | 18
interface Tally {
  passed: number
  failed: number
}

const root = resolve(import.meta.dirname, '..')
const total: Tally = { passed: 0, failed: 0 }

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => finish(`Stopped by ${signal}`))
process.on('exit', endTestFiles) // the PostgreSQL server ends by itself when this process has

try {
  const { files, releases, isWhole } = readArguments()
  if (isWhole) {
    await step('The code follows its lint rules', () =>
      command('node_modules/@biomejs/biome/bin/biome', ['check', '--diagnostic-level=error', '--max-diagnostics=100']),
    )
    await step('The types hold', () => command('node_modules/typescript/bin/tsc', ['--noEmit']))
  }
  for (const release of releases)
    await step(`The test files pass on PGlite and PostgreSQL ${release}`, () => testFiles(files, release))
  finish()
} catch (error) {
  finish(error instanceof Error ? error.message : String(error))
}

function readArguments(): { files: string[]; releases: Release[]; isWhole: boolean } {
  const { values, positionals } = parseArgs({
    options: { postgres: { type: 'string', multiple: true, default: ['18'] } },
    allowPositionals: true,
  })
  const releases = values.postgres.map(Number).filter(release => release === 15 || release === 18)
  if (releases.length < values.postgres.length)
    throw new Error(`--postgres takes 15 or 18. Found: ${values.postgres.join(', ')}`)

  const all = globSync('test/**/*.test.ts', { cwd: root }).sort()
  if (positionals.length === 0) return { files: all, releases, isWhole: true }
  const files = positionals.flatMap(name => {
    const path = relative(root, resolve(name))
    const named = all.filter(file => file === path || file.startsWith(`${path}/`))
    if (named.length === 0) throw new Error(`No test file is called ${name}. They are test/**/*.test.ts`)
    return named
  })
  return { files: [...new Set(files)], releases, isWhole: false }
}

/** Runs one step and says what came of it. What the step throws is one failure. */
async function step(name: string, work: () => Promise<void>): Promise<void> {
  const began = performance.now()
  const failedBefore = total.failed
  await work().catch(error => {
    print(indent(error instanceof Error ? (error.stack ?? error.message) : String(error)))
    count({ passed: 0, failed: 1 })
  })
  print(`${total.failed === failedBefore ? '✔' : '✖'} ${name} (${secondsSince(began)})`)
}

function count({ passed, failed }: Tally): void {
  total.passed += passed
  total.failed += failed
}

async function command(program: string, args: string[]): Promise<void> {
  const child = spawn(process.execPath, [join(root, program), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [[code], ...printed] = await Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)])
  count(code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 })
  if (code !== 0) print(indent(printed.join('').trim()))
}

/** Runs the files against one PostgreSQL server, some at a time, and prints a line for each as it ends. */
async function testFiles(files: string[], release: Release): Promise<void> {
  await using postgres = await startPostgres(release)
  const environment: NodeJS.ProcessEnv = { ...process.env, AUTH_TEST_POSTGRES: postgres.url }
  delete environment.NODE_TEST_CONTEXT // set where this runs inside a test, and changes what node:test prints
  const waiting = files.values()
  const lane = async () => {
    for (const file of waiting) {
      const began = performance.now()
      const { passed, failed, tests, failures, printed } = await runTestFile(file, { cwd: root, environment })
      keepOutcomes(file, tests)
      count({ passed, failed })
      print(`  ${failed === 0 ? '✔' : '✖'} ${file}: ${sentence({ passed, failed })} (${secondsSince(began)})`)
      if (failed === 0) continue
      for (const part of [...failures, printed && `It printed:\n${printed}`]) if (part) print(`\n${indent(part)}`)
      print('')
    }
  }
  await Promise.all(Array.from({ length: concurrency() }, lane))
}

function concurrency(): number {
  const value = process.env.AUTH_TEST_CONCURRENCY ?? '3'
  if (!/^[1-9]\d*$/.test(value)) throw new Error(`AUTH_TEST_CONCURRENCY takes a number from 1 on. Found: ${value}`)
  return Number(value)
}

function finish(fault?: string): void {
  if (fault !== undefined) {
    print(fault)
    count({ passed: 0, failed: 1 })
  }
  const isGood = total.failed === 0 && total.passed > 0
  process.stdout.write(`\n${sentence(total)}\n`, () => process.exit(isGood ? 0 : 1))
}

function sentence({ passed, failed }: Tally): string {
  return `${passed} passed, ${failed} failed`
}

function secondsSince(began: number): string {
  return `${((performance.now() - began) / 1000).toFixed(1)} s`
}

function indent(lines: string): string {
  return lines.replace(/^(?=.)/gm, '      ')
}

function print(lines: string): void {
  process.stdout.write(`${lines}\n`)
}
