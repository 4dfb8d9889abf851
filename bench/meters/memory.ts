import { existsSync, readFileSync } from 'node:fs'

/**
 * MiB of a process that are resident.
 *
 * @param field `VmRSS` for now, `VmHWM` for the most since its start: proc(5)
 * @throws where there is no such process, or no Linux
 */
export function residentMemory(pid: number, field: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
  const file = `/proc/${pid}/status`
  if (!existsSync(file)) throw new Error(`Measuring memory needs Linux, which tells it in ${file}`)
  const [, kibibytes] = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(file, 'utf8')) ?? []
  return Number(kibibytes) / 1_024
}
