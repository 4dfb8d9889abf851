import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../operator-error.ts'

/**
 * Whether a database is still to be made at `directory`.
 *
 * @throws OperatorError when something else lies there: PGlite would make a new database over a damaged one that has
 *   lost its PG_VERSION
 */
export function isDatabaseMissing(directory: string): boolean {
  try {
    if (existsSync(join(directory, 'PG_VERSION'))) return false
    if (!existsSync(directory) || readdirSync(directory).length === 0) return true
  } catch (cause) {
    throw unopenable(directory, (cause as Error).message)
  }
  throw unopenable(directory, 'files, but no PG_VERSION among them')
}

/** A database directory that can't be opened as it is. */
export function unopenable(directory: string, found: string): OperatorError {
  return new OperatorError({
    needed: `the service's embedded database in ${directory}`,
    found,
    remedy:
      'restore the directory from a backup, or start the version of the service that last used it; ' +
      'to begin without any accounts, move it away',
  })
}

/** A database that can't be made. */
export function uncreatable(directory: string, found: string): OperatorError {
  return new OperatorError({
    needed: `room for a new embedded database, 40 MB, in ${directory}`,
    found,
    remedy: 'free space on the disk, make the directory writable, or set AUTH_DATA_DIR=… to another one',
  })
}
