import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OperatorError } from '../operator-error.ts'
import { openDurablePGlite } from './durable-pglite.ts'
import { syncDirectory } from './sync-directory.ts'

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

/**
 * Makes a new database, which is at `directory` as a whole or not at all, whatever ends the process or the power.
 *
 * Its template databases are dropped: nobody makes databases here, they are two thirds of the files, and one that nobody
 * can connect to can't be vacuumed, which would stop all writes after 2^31 transactions.
 */
export async function createDatabase(directory: string, on: Parameters<typeof openDurablePGlite>[1]): Promise<void> {
  const unfinished = `${directory}.new`
  await rm(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true, mode: 0o700 })
  const pglite = await openDurablePGlite(unfinished, on)
  for (const template of ['template0', 'template1']) {
    await pglite.query(`alter database ${template} with is_template false`)
    await pglite.query(`drop database ${template}`)
  }
  await pglite.close()
  await syncTree(unfinished)
  await rename(unfinished, directory)
  await syncDirectory(dirname(directory))
}

async function syncTree(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    await (entry.isDirectory() ? syncTree(path) : syncFile(path))
  }
  await syncDirectory(directory)
}

async function syncFile(path: string): Promise<void> {
  await using file = await open(path, 'r+')
  await file.sync()
}
