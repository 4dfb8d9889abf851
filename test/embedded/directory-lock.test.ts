import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { lockDirectory, lockDirectoryWithin } from '../../src/embedded/directory-lock.ts'
import { OperatorError } from '../../src/operator-error.ts'
import { moduleOf, startNode } from '../support/node-child.ts'

const temporary = () => mkdtempDisposable(join(tmpdir(), 'auth-test-lock-'))

/** Another process that says what came of locking the directory, and keeps the lock. */
const startHolder = (directory: string) =>
  startNode(
    `import { lockDirectory } from ${moduleOf('embedded/directory-lock.ts')}
     try { lockDirectory(args[0]!); console.log('locked') } catch (error) { console.log((error as Error).name) }
     setInterval(() => {}, 1000)`,
    directory,
  )

function refusalOf(directory: string): string {
  try {
    lockDirectory(directory)[Symbol.dispose]()
  } catch (error) {
    assert.ok(error instanceof OperatorError, String(error))
    return error.message
  }
  return assert.fail('it was locked')
}

describe('a directory that another process has locked', () => {
  test('is refused, with who has it and what to do', async () => {
    await using directory = await temporary()
    await using holder = startHolder(directory.path)
    assert.equal(await holder.line(), 'locked')
    const message = refusalOf(directory.path)
    assert.ok(message.includes(directory.path))
    assert.match(message, new RegExp(`pid ${holder.process.pid} since 20\\d\\d-\\d\\d-\\d\\dT`))
    assert.match(message, /AUTH_DATA_DIR=/)
    assert.match(message, /AUTH_DATABASE_URL/)
  })

  test('is free at once when that process is killed', async () => {
    await using directory = await temporary()
    const holder = startHolder(directory.path)
    await holder.line()
    await holder.kill()
    lockDirectory(directory.path)[Symbol.dispose]()
  })
})

describe('a lock', () => {
  test('makes the directory, for this user alone', async () => {
    await using parent = await temporary()
    const directory = join(parent.path, 'a/b')
    using _lock = lockDirectory(directory)
    assert.equal(statSync(directory).mode & 0o777, 0o700)
  })

  test('can be read by this user alone, or a reader could keep a start from it, in a directory that was there before', async () => {
    await using directory = await temporary()
    chmodSync(directory.path, 0o755)
    using _lock = lockDirectory(directory.path)
    for (const file of ['lock', 'lock.owner']) assert.equal(statSync(join(directory.path, file)).mode & 0o077, 0, file)
  })

  test('is waited for by a start, while a command has the directory', async () => {
    await using directory = await temporary()
    const command = lockDirectory(directory.path)
    await assert.rejects(lockDirectoryWithin(directory.path, 0), { name: 'DirectoryHeld' })
    const start = lockDirectoryWithin(directory.path, 60_000)
    command[Symbol.dispose]()
    ;(await start)[Symbol.dispose]()
  })

  test('is refused a second time in the same process, and free when it was disposed of', async () => {
    await using directory = await temporary()
    const lock = lockDirectory(directory.path)
    assert.match(refusalOf(directory.path), new RegExp(`pid ${process.pid}`))
    lock[Symbol.dispose]()
    lock[Symbol.dispose]()
    lockDirectory(directory.path)[Symbol.dispose]()
  })

  test('is kept when nobody holds on to it and the garbage is collected', async () => {
    await using directory = await temporary()
    lockDirectory(directory.path)
    setFlagsFromString('--expose-gc')
    for (let round = 0; round < 5; round++) {
      runInNewContext('gc')()
      await new Promise(setImmediate)
    }
    await using other = startHolder(directory.path)
    assert.equal(await other.line(), 'DirectoryHeld')
  })
})

describe('a directory that cannot be used is refused, with what to do:', () => {
  test('one below a file', async () => {
    await using parent = await temporary()
    writeFileSync(join(parent.path, 'file'), '')
    assert.match(refusalOf(join(parent.path, 'file/data')), /ENOTDIR[\s\S]*AUTH_DATA_DIR/)
  })

  test('a file', async () => {
    await using parent = await temporary()
    writeFileSync(join(parent.path, 'file'), '')
    assert.match(refusalOf(join(parent.path, 'file')), /EEXIST[\s\S]*AUTH_DATA_DIR/)
  })

  test('one with something else under the name of the lock', async () => {
    await using directory = await temporary()
    mkdirSync(join(directory.path, 'lock'))
    assert.match(refusalOf(directory.path), /unable to open database file[\s\S]*AUTH_DATA_DIR/)
  })

  test('one of another user', async () => {
    await using directory = await temporary()
    chmodSync(directory.path, 0o500)
    const isRoot = process.getuid?.() === 0
    if (isRoot) process.seteuid?.(65_534) // nothing is forbidden to root
    try {
      assert.match(refusalOf(join(directory.path, 'data')), /EACCES[\s\S]*AUTH_DATA_DIR/)
    } finally {
      if (isRoot) process.seteuid?.(0)
    }
  })
})
