import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { freePort } from '../../test/measuring/free-port.ts'
import { opening } from '../../test/measuring/opened.ts'
import { processTree } from '../meters/processor.ts'
import { timeToFirstAnswer } from './first-answer.ts'

const MOST_SHOWN = 2_000 // characters of what it printed
const LONGEST_STOP = 30_000 // milliseconds

export type ServerProcess = AsyncDisposable & {
  url: string
  pid: number
  /** Milliseconds from the start of the process to the first answered request. */
  startTime: number
}

type ServerProgram = {
  /** What Node runs. It listens at `PORT`, and prints nothing unless something is wrong. */
  file: string
  nodeFlags?: readonly string[]
  environment: Record<string, string>
  /** Asked for until it is answered. */
  firstPath: string
}

/**
 * Starts a server in a process of its own and waits for its first answer.
 *
 * @throws with what it printed, when it ends before or takes too long
 */
export async function startServer({
  file,
  nodeFlags = [],
  environment,
  firstPath,
}: ServerProgram): Promise<ServerProcess> {
  const port = await freePort()
  return await startExecutable({
    file: process.execPath,
    args: [...nodeFlags, file],
    environment: { NODE_ENV: 'production', PORT: String(port), ...environment },
    port,
    firstPath,
  })
}

type Executable = {
  /** Runs in the foreground: it ends when its process gets SIGTERM. */
  file: string
  args?: readonly string[]
  environment?: Record<string, string>
  /** Where it listens. */
  port: number
  firstPath: string
  /** Milliseconds that a start may take. */
  longest?: number
}

/**
 * Starts an executable that serves HTTP on 127.0.0.1 and waits for its first answer.
 *
 * @throws with what it printed, when it ends before or takes too long
 */
export async function startExecutable(executable: Executable): Promise<ServerProcess> {
  const { file, args = [], environment = {}, port, firstPath: path, longest } = executable
  const { PATH, HOME, TMPDIR } = process.env
  const began = performance.now()
  const child = spawn(file, args, {
    env: { PATH, HOME, TMPDIR, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  await once(child, 'spawn')
  const ended = once(child, 'exit')
  let printed = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text
    })
  const command = [file, ...args].join(' ')
  const closing = opening(async () => {
    child.kill()
    const late = setTimeout(() => processTree(child.pid!).forEach(killNow), LONGEST_STOP)
    await ended
    clearTimeout(late)
    if (printed !== '') process.stderr.write(`${command} printed: ${printed.slice(0, MOST_SHOWN)}\n`)
  })
  const isRunning = () => child.exitCode === null && child.signalCode === null
  const startTime = await timeToFirstAnswer({ port, path, isRunning, longest, began })
  if (startTime === undefined) {
    await closing[Symbol.asyncDispose]()
    throw new Error(`${command} did not start. It printed:\n${printed}`)
  }
  return { url: `http://127.0.0.1:${port}`, pid: child.pid!, startTime, ...closing }
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has ended
  }
}
