import { readdirSync, readFileSync } from 'node:fs'

const TICK = 10 // milliseconds, on every Linux that Node runs on

/** The processor time that some processes took between two looks. */
export class ProcessorMeter {
  readonly #pids: () => number[]
  #before = new Map<number, number>()

  /** @param pids of the processes, looked for at each look, as there may be new ones */
  constructor(pids: () => number[]) {
    this.#pids = pids
  }

  begin(): void {
    this.#before = this.#times()
  }

  /** Milliseconds since {@link begin}; what a process took that has ended since is missing. */
  taken(): number {
    return [...this.#times()].reduce((sum, [pid, time]) => sum + time - (this.#before.get(pid) ?? 0), 0)
  }

  #times(): Map<number, number> {
    return new Map(this.#pids().flatMap(pid => (statOf(pid) ? [[pid, statOf(pid)!.time]] : [])))
  }
}

/** A process and all that it started. */
export function processTree(root: number): number[] {
  const parents = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(name => [Number(name), statOf(Number(name))?.parent] as const)
  const found = [root]
  for (const pid of found) found.push(...parents.filter(([, parent]) => parent === pid).map(([child]) => child))
  return found
}

/** The process that started this one; of a connection's process, that is PostgreSQL's first. */
export function parentOf(pid: number): number {
  const stat = statOf(pid)
  if (!stat) throw new Error(`Process ${pid} is not there`)
  return stat.parent
}

function statOf(pid: number): { parent: number; time: number } | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '') // the name may hold spaces
      .split(' ')
    return { parent: Number(fields[1]), time: (Number(fields[11]) + Number(fields[12])) * TICK } // proc(5)
  } catch {
    return undefined // it has ended
  }
}
