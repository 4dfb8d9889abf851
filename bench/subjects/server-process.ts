import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { freePort } from '../../test/measuring/free-port.ts'
import { opening } from '../../test/measuring/opened.ts'
import { timeToFirstAnswer } from './first-answer.ts'

const MOST_SHOWN = 2_000 // characters of what it printed

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
  const { PATH, HOME, TMPDIR } = process.env
  const began = performance.now()
  const child = spawn(process.execPath, [...nodeFlags, file], {
    env: { PATH, HOME, TMPDIR, NODE_ENV: 'production', PORT: String(port), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'exit')
  let printed = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text
    })
  const closing = opening(async () => {
    child.kill()
    await ended
    if (printed !== '') process.stderr.write(`${file} printed: ${printed.slice(0, MOST_SHOWN)}\n`)
  })
  const isRunning = () => child.exitCode === null && child.signalCode === null
  const startTime = await timeToFirstAnswer({ port, path: firstPath, isRunning, began })
  if (startTime === undefined) {
    await closing[Symbol.asyncDispose]()
    throw new Error(`${file} did not start. It printed:\n${printed}`)
  }
  return { url: `http://127.0.0.1:${port}`, pid: child.pid!, startTime, ...closing }
}
