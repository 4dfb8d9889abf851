import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pino } from 'pino'
import { openEmbeddedDatabase } from '../../src/embedded/database.ts'
import { OperatorError } from '../../src/operator-error.ts'
import { moduleOf, startNode } from '../support/node-child.ts'

const folder = mkdtempSync(join(tmpdir(), 'auth-test-creation-'))
after(() => rmSync(folder, { recursive: true }))

const open = (directory: string) => openEmbeddedDatabase({ directory, logger: pino({ level: 'silent' }) })

test('kill -9 when all but the renaming is done leaves no database, and the next start makes it', async () => {
  const directory = join(folder, 'database')
  const maker = startNode(
    `import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    import { createDatabase } from ${moduleOf('embedded/database-creation.ts')}
    fs.promises.rename = () => {
      console.log('about to be renamed')
      return new Promise(() => setInterval(() => {}, 1_000))
    }
    syncBuiltinESMExports()
    await createDatabase(args[0]!, { log: () => {}, end: () => process.exit(1) })`,
    directory,
  )
  assert.equal(await maker.line(), 'about to be renamed')
  await maker.kill()
  assert.equal(existsSync(directory), false)
  assert.ok(existsSync(join(`${directory}.new`, 'PG_VERSION')))
  await using database = await open(directory)
  assert.deepEqual((await database.pglite.query('select 1 as one')).rows, [{ one: 1 }])
  assert.equal(existsSync(`${directory}.new`), false)
})

test('all files and directories of a new database are synced before it is at its place', async () => {
  const directory = join(folder, 'synced')
  const maker = startNode(
    `import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    import { createDatabase } from ${moduleOf('embedded/database-creation.ts')}
    const synced: string[] = []
    const { open, rename } = fs.promises
    fs.promises.open = async (path, ...rest) => {
      const file = await open(path, ...rest)
      const sync = file.sync.bind(file)
      file.sync = () => sync().then(() => void synced.push(String(path)))
      return file
    }
    fs.promises.rename = async (from, to) => {
      const there = fs.readdirSync(String(from), { recursive: true }).map(path => from + '/' + path)
      console.log(JSON.stringify({ there: [from, ...there].sort(), synced: synced.toSorted() }))
      await rename(from, to)
    }
    syncBuiltinESMExports()
    await createDatabase(args[0]!, { log: () => {}, end: () => process.exit(1) })`,
    directory,
  )
  const { there, synced } = JSON.parse(await maker.line())
  await maker.kill()
  assert.deepEqual(synced, there)
  assert.ok(there.length > 300, `${there.length}`)
})

test('a new database has no templates', async () => {
  await using database = await open(join(folder, 'alone'))
  const { rows } = await database.pglite.query('select datname from pg_database')
  assert.deepEqual(rows, [{ datname: 'postgres' }])
})

test('a place where no database can be made is refused, with what to do', async () => {
  writeFileSync(join(folder, 'file'), '')
  const error = await open(join(folder, 'file', 'database')).catch(error => error)
  assert.ok(error instanceof OperatorError, String(error))
  assert.match(error.message, /ENOTDIR[\s\S]*AUTH_DATA_DIR/)
})
