import { existsSync, readFileSync } from 'node:fs'

/** Notes how much memory a process holds resident, until disposed of. @param now milliseconds, for the times */
export class MemoryOf implements Disposable {
  /** Mebibytes. Empty on systems that do not tell. */
  readonly samples: { at: number; mebibytes: number }[] = []
  readonly #timer: NodeJS.Timeout

  constructor(pid: number, now: () => number) {
    const sample = () => {
      const mebibytes = residentOf(pid)
      if (mebibytes !== undefined) this.samples.push({ at: now(), mebibytes })
    }
    sample()
    this.#timer = setInterval(sample, 200)
  }

  get highest(): number {
    return Math.max(...this.samples.map(({ mebibytes }) => mebibytes))
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}

function residentOf(pid: number): number | undefined {
  const file = `/proc/${pid}/status`
  const [, kibibytes] = (existsSync(file) && /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(file, 'utf8'))) || []
  return kibibytes === undefined ? undefined : Number(kibibytes) / 1_024
}
