import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { freePort } from '../../test/measuring/free-port.ts'
import { opening } from '../../test/measuring/opened.ts'

const LONGEST_START = 60_000 // milliseconds
const MOST_SHOWN = 2_000 // characters of what it printed

export type ServerProcess = AsyncDisposable & { url: string; pid: number }

/**
 * Starts a server in a process of its own, which prints `listening` once it answers at `PORT`.
 *
 * @param file what Node runs
 * @throws with what it printed, when it ends before or takes too long
 */
export async function startServer(file: string, environment: Record<string, string>): Promise<ServerProcess> {
  const port = await freePort()
  const { PATH, HOME, TMPDIR } = process.env
  const child = spawn(process.execPath, [file], {
    env: { PATH, HOME, TMPDIR, NODE_ENV: 'production', PORT: String(port), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'exit')
  let printed = ''
  const closing = opening(async () => {
    child.kill()
    await ended
    const troubles = printed.replace(/^listening$/m, '').trim()
    if (troubles !== '') process.stderr.write(`${file} printed: ${troubles.slice(0, MOST_SHOWN)}\n`)
  })
  const listening = Promise.withResolvers<void>()
  const fail = () => listening.reject(new Error(`${file} did not start. It printed:\n${printed}`))
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text
      if (/^listening$/m.test(printed)) listening.resolve()
    })
  const timer = setTimeout(fail, LONGEST_START)
  void ended.then(fail)
  try {
    await listening.promise
  } catch (error) {
    await closing[Symbol.asyncDispose]()
    throw error
  } finally {
    clearTimeout(timer)
  }
  return { url: `http://127.0.0.1:${port}`, pid: child.pid!, ...closing }
}
