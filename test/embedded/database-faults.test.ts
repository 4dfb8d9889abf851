import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Kysely, PGliteDialect, sql } from 'kysely'
import { pino } from 'pino'
import { type EmbeddedDatabaseOptions, openEmbeddedDatabase } from '../../src/embedded/database.ts'
import { type EmbeddedCopies, embeddedCopies } from '../support/embedded-copies.ts'
import { moduleOf, startNode } from '../support/node-child.ts'

const logger = pino({ level: 'silent' })
let databases: EmbeddedCopies

before(async () => {
  databases = await embeddedCopies('create table entry (n int primary key)')
})
after(() => databases[Symbol.asyncDispose]())

const open = (directory: string, options: Partial<EmbeddedDatabaseOptions> = {}) =>
  openEmbeddedDatabase({ directory, logger, ...options })

const OPEN = `
  import { pino } from ${JSON.stringify(import.meta.resolve('pino'))}
  import { openEmbeddedDatabase } from ${moduleOf('embedded/database.ts')}
  const { pglite } = await openEmbeddedDatabase({ directory: args[0]!, logger: pino({ level: 'silent' }) })`

test('kill -9 takes nothing away that was acknowledged', async () => {
  const directory = databases.copy()
  const writer = startNode(
    `${OPEN}
    for (let n = 1; ; n++) {
      await pglite.transaction(transaction => transaction.query('insert into entry values ($1)', [n]))
      process.stdout.write(n + '\\n')
    }`,
    directory,
  )
  let acknowledged = 0
  while (acknowledged < 300) acknowledged = Number(await writer.line())
  await writer.kill()
  await using database = await open(directory)
  const { rows } = await database.pglite.query<{ n: number; last: number }>(
    'select count(*)::int as n, max(n) as last from entry',
  )
  const [{ n, last }] = rows as [{ n: number; last: number }]
  assert.ok(n >= acknowledged, `${n} of ${acknowledged}`)
  assert.equal(n, last)
})

test('a database that stops by itself refuses what is under way and all that follows', {
  timeout: 20_000,
}, async () => {
  const directory = databases.copy()
  const failures: Error[] = []
  await using database = await open(directory, { onFailure: error => failures.push(error) })
  const { pglite } = database
  const kysely = new Kysely({ dialect: new PGliteDialect({ pglite }) })
  await sql`select 1`.execute(kysely)
  rmSync(join(directory, 'pg_wal'), { recursive: true })

  const fill = 'insert into entry select generate_series(1, 100000)' // more than the file of the log that is open holds
  const underWay = [pglite.query(fill), pglite.query('select 1'), pglite.transaction(t => t.query('select 1'))]
  const later = () => [
    pglite.exec('select 1'),
    pglite.listen('channel', () => {}),
    sql`select 1`.execute(kysely),
    kysely.transaction().execute(async transaction => sql`select 1`.execute(transaction)),
  ]
  for (const asking of underWay) await assert.rejects(asking, { code: '57P01' })
  for (const asking of later()) await assert.rejects(asking, { code: '57P01' })
  assert.equal(failures.length, 1)
  await database.maintain()
  await database.close()
  await database.close()
})

describe('a database that was closed', () => {
  test('finishes what was asked before, refuses what is asked afterwards, and calls that no failure', async () => {
    const failures: Error[] = []
    const database = await open(databases.copy(), { onFailure: error => failures.push(error) })
    const asked = database.pglite.query('insert into entry values (1)')
    await Promise.all([database.close(), database.pglite.close()])
    assert.equal((await asked).affectedRows, 1)
    assert.equal(database.pglite.closed, true)
    await assert.rejects(database.pglite.query('select 1'), { code: '57P01' })
    assert.deepEqual(failures, [])
  })

  test('is as it was when it is opened again, optimized or not', async () => {
    const directory = databases.copy()
    for (const [n, optimize] of [true, false].entries()) {
      await using database = await open(directory, { optimize })
      await database.pglite.query('insert into entry values ($1)', [n])
      const { rows } = await database.pglite.query<{ n: number }>('select n from entry order by n')
      assert.deepEqual(
        rows.map(row => row.n),
        [0, 1].slice(0, n + 1),
      )
    }
  })
})
