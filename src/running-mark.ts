import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const DIRECTORY = join(import.meta.dirname, '../build/running')

/**
 * Leaves a file named after this process beside the sources as long as it runs: `bootstrap.mjs` replaces no packages
 * under a service, which loads some of them late. Where it cannot be written, the packages can seldom be replaced.
 */
export function markAsRunning(): void {
  const file = join(DIRECTORY, String(process.pid))
  try {
    mkdirSync(DIRECTORY, { recursive: true })
    writeFileSync(file, '')
  } catch {
    return
  }
  process.on('exit', () => rmSync(file, { force: true }))
}
