import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export type NodeChild = AsyncDisposable & {
  process: ChildProcess
  /** Waits for the next line that it prints. @throws with what it wrote to standard error when it ends before */
  line(): Promise<string>
  /** What it wrote to standard error. */
  errors(): string
  /** Ends it as a power cut would, without a chance to do anything. */
  kill(): Promise<void>
}

/**
 * Runs a program in a process of its own.
 * @param program TypeScript, a module; its `args` are the arguments
 */
export function startNode(program: string, ...args: string[]): NodeChild {
  const prelude = 'const args: string[] = process.argv.slice(1)\n'
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', prelude + program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', text => {
    errors += text
  })
  const ended = once(child, 'close')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const kill = async () => {
    child.kill('SIGKILL')
    await ended
  }
  return {
    process: child,
    async line() {
      const { done, value } = await lines.next()
      if (done) throw new Error(`it ended before the line: ${errors}`)
      return value
    },
    errors: () => errors,
    kill,
    [Symbol.asyncDispose]: kill,
  }
}

/** The address of a module of src, for `import` in a program. */
export function moduleOf(file: string): string {
  return JSON.stringify(new URL(`../../src/${file}`, import.meta.url).href)
}
