import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Alteration, alteredSource } from './altered-source.ts'
import { START_FLAGS } from './start-flags.ts'

const ROOT = join(import.meta.dirname, '../..')
const MAIN = join(ROOT, 'src/main.ts')
const LONGEST_START = 60_000 // milliseconds

export type Ended = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }

/** The service in a process of its own, as an operator runs it. */
export class ServiceProcess implements AsyncDisposable {
  readonly child: ChildProcess
  readonly #ended: Promise<Ended>
  #stdout = ''
  #stderr = ''

  /**
   * @param alterations of its source, for this process alone
   * @param start `npm` starts it by `npm start`, and is the process that `child` is then
   * @param stdout a file descriptor to write to, in place of `output`
   */
  constructor(
    env: Record<string, string>,
    args: string[] = [],
    alterations: Alteration[] = [],
    start: 'node' | 'npm' = 'node',
    stdout: 'pipe' | number = 'pipe',
  ) {
    const altered = alteredSource(alterations)
    const [file, ...before] =
      start === 'npm' ? ['npm', 'start', '--'] : [process.execPath, ...START_FLAGS, ...altered.execArgv, MAIN]
    this.child = spawn(file!, [...before, ...args], {
      cwd: start === 'npm' ? ROOT : undefined,
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        AUTH_METRICS_LISTEN: 'off',
        AUTH_PORT: '0',
        ...altered.env,
        ...env,
      },
      stdio: ['ignore', stdout, 'pipe'],
    })
    this.child.stdout?.setEncoding('utf8').on('data', text => {
      this.#stdout += text
    })
    this.child.stderr!.setEncoding('utf8').on('data', text => {
      this.#stderr += text
    })
    this.#ended = once(this.child, 'close').then(([code, signal]) => ({
      code,
      signal,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }))
  }

  get output(): string {
    return this.#stdout + this.#stderr
  }

  /** Waits until its output fits. @throws with the output when it ends before, or takes too long */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>()
    const look = () => {
      const match = pattern.exec(this.output)
      if (match) resolve(match)
    }
    const timer = setTimeout(() => reject(new Error(`no ${pattern} in:\n${this.output}`)), LONGEST_START)
    this.child.stdout!.on('data', look)
    this.child.stderr!.on('data', look)
    void this.#ended.then(() => reject(new Error(`ended without ${pattern}:\n${this.output}`)))
    look()
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.child.stdout!.off('data', look)
      this.child.stderr!.off('data', look)
    }
  }

  /** Waits for the start. @returns the origin that it answers at */
  async started(): Promise<string> {
    const [, url] = await this.until(/Service +(https?:\/\/\S+)/)
    return url!
  }

  /** Waits for the start, where the public address is another. @returns the origin on this machine */
  async listening(): Promise<string> {
    await this.started()
    const [, port] = await this.until(/Server listening at http:\/\/127\.0\.0\.1:(\d+)/)
    return `http://localhost:${port}`
  }

  ended(): Promise<Ended> {
    return this.#ended
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Ended> {
    this.child.kill(signal)
    return this.#ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.kill()
  }
}

/** An empty directory that is removed at the end. */
export async function emptyDirectory(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'auth-test-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
