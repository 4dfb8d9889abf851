import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { openEmbeddedDatabase } from '../../src/embedded/database.ts'
import { OperatorError } from '../../src/operator-error.ts'
import { moduleOf, startNode } from '../support/node-child.ts'

const folder = mkdtempSync(join(tmpdir(), 'auth-test-creation-'))
after(() => rmSync(folder, { recursive: true }))

const open = (directory: string) => openEmbeddedDatabase({ directory, logger: pino({ level: 'silent' }) })

test('kill -9 while a database is made leaves none, and the next start makes it', async () => {
  const directory = join(folder, 'database')
  const maker = startNode(
    `import { pino } from ${JSON.stringify(import.meta.resolve('pino'))}
    import { openEmbeddedDatabase } from ${moduleOf('embedded/database.ts')}
    await openEmbeddedDatabase({ directory: args[0]!, logger: pino({ level: 'silent' }) })`,
    directory,
  )
  for (const deadline = Date.now() + 20_000; !existsSync(join(`${directory}.new`, 'base/1')); await pause(5))
    assert.ok(Date.now() < deadline, maker.errors())
  await maker.kill()
  assert.equal(existsSync(directory), false)
  assert.notDeepEqual(readdirSync(`${directory}.new`), [])
  await using database = await open(directory)
  assert.deepEqual((await database.pglite.query('select 1 as one')).rows, [{ one: 1 }])
  assert.equal(existsSync(`${directory}.new`), false)
})

test('a place where no database can be made is refused, with what to do', async () => {
  writeFileSync(join(folder, 'file'), '')
  const error = await open(join(folder, 'file', 'database')).catch(error => error)
  assert.ok(error instanceof OperatorError, String(error))
  assert.match(error.message, /ENOTDIR[\s\S]*AUTH_DATA_DIR/)
})
