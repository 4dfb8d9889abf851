import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { OperatorError } from '../operator-error.ts'

const SQLITE_BUSY = 5

/** A collected DatabaseSync closes itself without a word, and the lock goes with it: what is held stays referenced. */
const held = new Set<DatabaseSync>()

/**
 * Takes `directory` for this process alone, until the returned lock is disposed of or the process ends.
 *
 * The lock is an exclusive SQLite transaction on the file `lock`: the kernel holds it and lets it go with the process,
 * whatever kills that, so there is no stale pid file to judge. It works between containers that share the directory.
 * The file `lock.owner` only tells people who holds it; it is a file of its own because a process loses its kernel lock
 * on `lock` as soon as it closes any handle of that file (POSIX fcntl).
 *
 * @param directory created with mode 0700 when it is missing, with its parents
 * @throws OperatorError when another process holds the directory, or when it can't be created or written to
 */
export function lockDirectory(directory: string): Disposable {
  const lock = openLockFile(directory)
  try {
    lock.exec('pragma journal_mode = memory; pragma locking_mode = exclusive; begin exclusive')
  } catch (error) {
    lock.close()
    throw isBusy(error) ? heldByAnother(directory) : unusable(directory, error)
  }
  held.add(lock)
  const release = () => {
    held.delete(lock)
    if (lock.isOpen) lock.close()
  }
  try {
    writeFileSync(ownerFile(directory), `pid ${process.pid} since ${new Date().toISOString()}\n`, { mode: 0o600 })
  } catch (error) {
    release()
    throw unusable(directory, error)
  }
  return { [Symbol.dispose]: release }
}

/**
 * The same for a start, which waits for whoever has the directory for a moment: a command, or the process before it.
 * @param patience milliseconds
 * @throws OperatorError
 */
export async function lockDirectoryWithin(directory: string, patience: number): Promise<Disposable> {
  for (const deadline = performance.now() + patience; ; await pause(100))
    try {
      return lockDirectory(directory)
    } catch (error) {
      if (!(error instanceof DirectoryHeld) || performance.now() >= deadline) throw error
    }
}

function openLockFile(directory: string): DatabaseSync {
  const file = join(directory, 'lock')
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    // SQLite would let every user read it, and a reader can keep a start from locking it.
    if (!existsSync(file)) writeFileSync(file, '', { flag: 'a', mode: 0o600 })
    return new DatabaseSync(file, { timeout: 0 })
  } catch (error) {
    throw unusable(directory, error)
  }
}

function ownerFile(directory: string): string {
  return join(directory, 'lock.owner')
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY
}

/** Another process holds the directory. */
class DirectoryHeld extends OperatorError {
  override name = 'DirectoryHeld'
}

function heldByAnother(directory: string): OperatorError {
  return new DirectoryHeld({
    needed: `the data directory ${directory} for this process alone`,
    found: `another process has it open${owner(directory)}`,
    remedy:
      'stop that process, or set AUTH_DATA_DIR=… to a directory of its own for this one, ' +
      'or set AUTH_DATABASE_URL to a PostgreSQL server, which several processes can share',
  })
}

function owner(directory: string): string {
  try {
    return ` (${readFileSync(ownerFile(directory), 'utf8').trim()})`
  } catch {
    return ''
  }
}

function unusable(directory: string, cause: unknown): OperatorError {
  return new OperatorError(
    {
      needed: `a data directory that can be created and written to: ${directory}`,
      found: cause instanceof Error ? cause.message : String(cause),
      remedy:
        'make it writable for the user that runs the service, free space on its disk, or set AUTH_DATA_DIR=… to another directory',
    },
    { cause },
  )
}
