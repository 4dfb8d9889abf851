import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { Outcome } from './reporter.ts'

/** What came of a test file. */
export interface FileResult {
  passed: number
  failed: number
  /** Whether each test passed, by its whole name. */
  tests: Record<string, boolean>
  /** What went wrong, each in full; there may be fewer than `failed`, as a test fails with its parts. */
  failures: string[]
  /** What the file printed, on standard output and then on standard error. */
  printed: string
}

const REPORTER = pathToFileURL(join(import.meta.dirname, 'reporter.ts')).href
const TEST_TIMEOUT = 120_000 // ms
const FILE_TIMEOUT = 300_000 // ms
const PATIENCE = 5_000 // ms that a process has to end after SIGTERM, and its own processes after it

/** The processes of the files that are running, and their temporary folders. */
const running = new Map<ChildProcess, string>()

// V8 sometimes loses count of its own code pages when one process opens and closes many WebAssembly threads, on
// processors with memory protection keys, and aborts with "Check failed: jit_page.has_value()" (nodejs/node#64500 is of
// that kind). Test files open a dozen embedded databases each; the service, which is tested in processes without this
// flag, opens one.
export const AGAINST_V8_FAULT =
  process.platform === 'linux' && process.arch === 'x64' ? ['--no-memory-protection-keys'] : []

/**
 * Runs one test file in a process of its own, in a process group of its own, nothing of which is left afterwards.
 *
 * A file fails that holds no test, ends before its tests do, exits with a fault, is not over after five minutes
 * or leaves a process behind.
 */
export async function runTestFile(
  file: string,
  options: { cwd: string; environment: NodeJS.ProcessEnv; timeout?: number },
): Promise<FileResult> {
  const { cwd, environment, timeout = FILE_TIMEOUT } = options
  const folder = mkdtempSync(join(tmpdir(), 'auth-test-'))
  const report = join(folder, 'outcomes')
  const child = spawn(
    process.execPath,
    [
      ...AGAINST_V8_FAULT,
      `--test-timeout=${TEST_TIMEOUT}`,
      `--test-reporter=${REPORTER}`,
      `--test-reporter-destination=${report}`,
      file,
    ],
    { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  )
  running.set(child, folder)
  const printed = Promise.all([text(child.stdout), text(child.stderr)])
  const timer = setTimeout(() => endGroup(child), timeout)
  const began = performance.now()
  const [code, signal] = await once(child, 'exit')
  clearTimeout(timer)
  const isLate = performance.now() - began >= timeout
  const isAlone = await groupEnds(child)
  running.delete(child)

  const outcomes = readOutcomes(report)
  rmSync(folder, { recursive: true })
  const failures = outcomes.flatMap(outcome =>
    outcome.kind === 'failed' && outcome.reason ? [`${outcome.test}\n${outcome.reason}`] : [],
  )
  const passed = outcomes.filter(({ kind }) => kind === 'passed').length
  const failed = outcomes.filter(({ kind }) => kind === 'failed').length
  const faults = [
    isLate && `It was not over after ${timeout / 1000} s. ${whatWasRunning(outcomes)}`,
    !isLate && code !== 0 && failed === 0 && `The process ended with ${signal ?? `exit code ${code}`}.`,
    !isLate && code === 0 && outcomes.at(-1)?.kind !== 'ended' && whyNotEnded(outcomes),
    !isAlone && 'It left processes running, which were ended.',
  ].filter(fault => fault !== false)
  return {
    passed,
    failed: failed + faults.length,
    tests: testsOf(outcomes),
    failures: [...failures, ...faults],
    printed: (await printed).join('').trim(),
  }
}

/** Ends all test files that are running, at once. Does its work before it returns, so that it may be the last thing. */
export function endTestFiles(): void {
  for (const [child, folder] of running) {
    signalGroup(child, 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

function readOutcomes(report: string): Outcome[] {
  if (!existsSync(report)) return []
  const lines = readFileSync(report, 'utf8').split('\n')
  return lines.slice(0, -1).map(line => JSON.parse(line)) // what follows the last line break was cut off
}

function testsOf(outcomes: Outcome[]): Record<string, boolean> {
  const tests: Record<string, boolean> = {}
  for (const outcome of outcomes) {
    if (outcome.kind !== 'passed' && outcome.kind !== 'failed') continue
    const name = outcome.test.replace(/ \([^()]*:\d+\)$/, '') // where it stands
    tests[name] = outcome.kind === 'passed' && tests[name] !== false
  }
  return tests
}

function whatWasRunning(outcomes: Outcome[]): string {
  const last = outcomes.findLast(({ kind }) => kind === 'began')
  if (last?.kind !== 'began') return 'No test had begun.'
  return `The last test that began is "${last.test}"; if it is over, something was left open (a server, a timer, a pool).`
}

function whyNotEnded(outcomes: Outcome[]): string {
  return outcomes.length === 0
    ? 'It holds no test, or the process ended before the first.'
    : 'The process ended before its tests did.'
}

async function endGroup(child: ChildProcess): Promise<void> {
  signalGroup(child, 'SIGTERM')
  await sleep(PATIENCE)
  signalGroup(child, 'SIGKILL')
}

/** Waits for what the process itself has started; answers whether all of that ended without being told to. */
async function groupEnds(child: ChildProcess): Promise<boolean> {
  const deadline = performance.now() + PATIENCE
  while (signalGroup(child, 0)) {
    if (performance.now() > deadline) {
      signalGroup(child, 'SIGKILL')
      return false
    }
    await sleep(20)
  }
  return true
}

/** Answers whether there was anybody to receive the signal. */
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  try {
    return pid !== undefined && process.kill(-pid, signal)
  } catch {
    return false
  }
}
