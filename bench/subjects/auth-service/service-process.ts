import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { delimiter, join, sep } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { newDirectory } from '../../../test/measuring/directory.ts'
import { freePort } from '../../../test/measuring/free-port.ts'
import { opening } from '../../../test/measuring/opened.ts'
import { START_FLAGS } from '../../../test/support/start-flags.ts'
import { timeToFirstAnswer } from '../first-answer.ts'

const ROOT = join(import.meta.dirname, '../../..')
const LONGEST_STOP = 15_000 // milliseconds; the service itself takes 10 s at the most
const LOOK_EVERY = 5 // milliseconds

/** How the service is started: as a user does, or by what `npm start` runs, without the share of npm. */
export const COMMANDS = {
  'npm start': ['npm', 'start'],
  'node …': [process.execPath, ...START_FLAGS, 'src/main.ts'],
} satisfies Record<string, [string, ...string[]]>
export type Command = keyof typeof COMMANDS

export type ServiceProcess = AsyncDisposable & {
  url: string
  /** Of the process that was started: npm's own, where npm started it. */
  pid: number
  /** Milliseconds from the command to the first answered request. */
  startTime: number
}

/**
 * Starts the service in a process group of its own and waits for its first answer, of `/livez`.
 *
 * @param environment its settings; the port is chosen here
 * @throws with what it printed, when it ends before or takes too long
 */
export async function startService(
  environment: Record<string, string>,
  command: Command = 'node …',
): Promise<ServiceProcess> {
  const directory = await newDirectory()
  const logFile = join(directory.path, 'log')
  const port = await freePort()
  const [program, ...args] = COMMANDS[command]
  const log = openSync(logFile, 'w')
  const began = performance.now()
  const child = spawn(program, args, {
    cwd: ROOT,
    detached: true, // a group of its own
    env: { ...userEnvironment(), AUTH_PORT: String(port), AUTH_METRICS_LISTEN: '127.0.0.1:0', ...environment },
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  await once(child, 'spawn')
  const pid = child.pid!
  const closing = opening(async () => {
    await endGroup(pid)
    reportTroubles(readFileSync(logFile, 'utf8'))
    await directory[Symbol.asyncDispose]()
  })
  const isRunning = () => child.exitCode === null && child.signalCode === null
  const startTime = await timeToFirstAnswer({ port, path: '/livez', isRunning, began })
  if (startTime === undefined)
    throw new Error(`${command} did not start. It printed:\n${readFileSync(logFile, 'utf8')}`)
  return { url: `http://localhost:${port}`, pid, startTime, ...closing }
}

/** What a user's shell has: nothing of the npm that this runs under, and no settings. */
function userEnvironment(): NodeJS.ProcessEnv {
  const { PATH = '', HOME, TMPDIR } = process.env
  const own = PATH.split(delimiter).filter(folder => !/node_modules[\\/]\.bin|node-gyp-bin/.test(folder + sep))
  return { PATH: own.join(delimiter), HOME, TMPDIR, npm_config_update_notifier: 'false' } // which asks the registry
}

/** As Ctrl-C does: every process of the group is told. Waits until none is left. */
async function endGroup(leader: number): Promise<void> {
  const tell = (signal: NodeJS.Signals | 0) => {
    try {
      return process.kill(-leader, signal)
    } catch {
      return false // nobody is left
    }
  }
  tell('SIGINT')
  for (const deadline = performance.now() + LONGEST_STOP; tell(0); await pause(LOOK_EVERY))
    if (performance.now() > deadline) {
      tell('SIGKILL')
      return
    }
}

/** A figure that was taken while something went wrong is none. */
function reportTroubles(log: string): void {
  const troubles = log.split('\n').filter(line => /"level":"(warn|error|fatal)"/.test(line))
  for (const line of troubles.slice(0, 10)) process.stderr.write(`The service logged: ${line}\n`)
  if (troubles.length > 10) process.stderr.write(`… and ${troubles.length - 10} more lines.\n`)
}
