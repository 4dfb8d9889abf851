import { existsSync, readFileSync } from 'node:fs'

const TICK = 10 // milliseconds, on every Linux that Node runs on

/** The processor time that the main thread of a process has taken, in milliseconds; undefined where none tells. */
export function mainThreadTime(pid: number): number | undefined {
  const file = `/proc/${pid}/task/${pid}/stat`
  if (!existsSync(file)) return undefined
  const fields = readFileSync(file, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ') // the name may hold spaces
  return (Number(fields[11]) + Number(fields[12])) * TICK // in and for the process, proc(5)
}
