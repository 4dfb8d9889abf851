import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../operator-error.ts'
import { KeyRing } from './key-ring.ts'

/**
 * The secret key of a data directory, generated at the first start with mode 0600.
 * @param isNew whether the database was never used with a key; where it was, another key would open nothing in it
 * @throws OperatorError when the file is gone or holds something else, or the directory cannot be written
 */
export function secretKeyOf(dataDirectory: string, { isNew }: { isNew: boolean }): KeyRing {
  const file = join(dataDirectory, 'secret-key')
  const found = read(file)
  if (found === undefined && !isNew)
    throw new OperatorError({
      needed: `the secret key in ${file}, which the database of this directory was made with`,
      found: 'no such file',
      remedy: 'restore the file from a backup, or set AUTH_SECRET_KEY to what it held',
    })
  const text = found ?? generate(dataDirectory, file)
  try {
    return KeyRing.parse(text)
  } catch (error) {
    throw new OperatorError({
      needed: `a secret key in ${file}: ${(error as Error).message}`,
      found: 'something else',
      remedy: 'restore the file from a backup; what was made with that key opens with no other',
    })
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unusable(file, error)
  }
}

// Written beside and linked into place: a crash leaves no half key, and of two processes one wins.
function generate(dataDirectory: string, file: string): string {
  const draft = `${file}.${process.pid}`
  try {
    mkdirSync(dataDirectory, { recursive: true, mode: 0o700 })
    const descriptor = openSync(draft, 'w', 0o600)
    writeFileSync(descriptor, `${KeyRing.generate('k1')}\n`)
    fsyncSync(descriptor)
    closeSync(descriptor)
    try {
      linkSync(draft, file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    unlinkSync(draft)
  } catch (error) {
    throw unusable(file, error)
  }
  return readFileSync(file, 'utf8').trim()
}

const unusable = (file: string, error: unknown) =>
  new OperatorError(
    {
      needed: `to read and write ${file}`,
      found: (error as Error).message,
      remedy: 'give the directory to the user that runs the service, or set AUTH_DATA_DIR to another one',
    },
    { cause: error },
  )
