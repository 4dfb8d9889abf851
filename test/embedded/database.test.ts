import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Kysely, PGliteDialect, sql } from 'kysely'
import { fromKysely, fromPglite, PgBoss } from 'pg-boss'
import { pino } from 'pino'
import { type EmbeddedDatabase, openEmbeddedDatabase } from '../../src/embedded/database.ts'
import { EmbeddedDatabaseError } from '../../src/embedded/database-client.ts'

const logger = pino({ level: 'silent' })
let folder: string
let directory: string
let database: EmbeddedDatabase

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'auth-test-database-'))
  directory = join(folder, 'database')
  database = await openEmbeddedDatabase({ directory, logger })
})
after(async () => {
  await database.close()
  await rm(folder, { recursive: true })
})

async function refusalOf(asking: Promise<unknown>): Promise<EmbeddedDatabaseError> {
  const error = await asking.then(
    () => assert.fail('it was not refused'),
    error => error,
  )
  assert.ok(error instanceof EmbeddedDatabaseError, String(error))
  return error
}

const settingOf = async (name: string) =>
  (await database.pglite.query<{ value: string }>('select current_setting($1) as value', [name])).rows[0]?.value

describe('a new database', () => {
  test('lies in its directory, which is for this user alone', () => {
    assert.equal(readFileSync(join(directory, 'PG_VERSION'), 'utf8').trim(), '18')
    assert.equal(statSync(directory).mode & 0o777, 0o700)
    assert.equal(existsSync(`${directory}.new`), false)
  })

  test('waits for the disk at each commit', async () => {
    assert.equal(await settingOf('fsync'), 'on')
    assert.equal(await settingOf('synchronous_commit'), 'on')
    assert.equal(await settingOf('full_page_writes'), 'on')
    assert.equal(await settingOf('wal_sync_method'), 'fsync')
  })

  test('takes little memory and room', async () => {
    assert.match(String(await settingOf('shared_buffers')), /^(16MB|20488kB)$/)
    assert.equal(await settingOf('wal_segment_size'), '1MB')
    assert.equal(await settingOf('max_wal_size'), '64MB')
  })

  test('holds no database that could not be vacuumed', async () => {
    const { rows } = await database.pglite.query('select datname from pg_database')
    assert.deepEqual(rows, [{ datname: 'postgres' }])
  })
})

describe('what is asked', () => {
  test('comes back in the shapes of PGlite', async () => {
    const { rows, affectedRows, fields } = await database.pglite.query(
      `select 1 as int, 9007199254740993::bigint as large, true as bool, 'ü' as text, null as nothing,
        timestamptz '2026-01-02 03:04:05.678Z' as time, '\\x0001ff'::bytea as bytes, array[1, 2] as list,
        '{"a": [1]}'::jsonb as json, $1::text[] as texts, $2::bytea as given`,
      [['x', 'y'], Buffer.from('ab')],
    )
    assert.deepEqual(rows, [
      {
        int: 1,
        large: 9_007_199_254_740_993n,
        bool: true,
        text: 'ü',
        nothing: null,
        time: new Date('2026-01-02T03:04:05.678Z'),
        bytes: new Uint8Array([0, 1, 255]),
        list: [1, 2],
        json: { a: [1] },
        texts: ['x', 'y'],
        given: new Uint8Array([97, 98]),
      },
    ])
    assert.equal(affectedRows, 0)
    assert.deepEqual(fields[0], { name: 'int', dataTypeID: 23 })
  })

  test('may be rows as arrays, several statements, and a change with its count', async () => {
    const { pglite } = database
    assert.deepEqual((await pglite.query('select 1 as a, 2 as b', [], { rowMode: 'array' })).rows, [[1, 2]])
    const results = await pglite.exec(
      'create table counted (n int); insert into counted values (1), (2); select 3 as n',
    )
    assert.deepEqual(results.at(-1)?.rows, [{ n: 3 }])
    assert.equal((await pglite.query('update counted set n = n + 1')).affectedRows, 2)
  })

  test('is refused with the SQLSTATE and the constraint, without the statement and its parameters', async () => {
    await database.pglite.exec('create table named (name text constraint named_once unique)')
    const insert = () => database.pglite.query('insert into named (name) values ($1)', ['a secret'])
    await insert()
    const error = await refusalOf(insert())
    assert.equal(error.code, '23505')
    assert.equal(error.constraint, 'named_once')
    assert.match(String(error.detail), /already exists/)
    assert.deepEqual(
      Object.keys(error).filter(name => ['query', 'params'].includes(name)),
      [],
    )
  })

  test('that cannot cross over to the other thread is refused, and the next is answered', async () => {
    await assert.rejects(database.pglite.query('select $1::text', [() => {}]), { name: 'DataCloneError' })
    assert.deepEqual((await database.pglite.query('select 1 as one')).rows, [{ one: 1 }])
  })

  test('too deeply nested is refused, and the next is answered', async () => {
    const error = await refusalOf(database.pglite.query(`select ${'1+'.repeat(100_000)}1`))
    assert.equal(error.code, '54001')
    assert.deepEqual((await database.pglite.query('select 1 as one')).rows, [{ one: 1 }])
  })

  test('leaves the other thread to its work: timers are on time meanwhile', async () => {
    let ticks = 0
    const timer = setInterval(() => ticks++, 5)
    await database.pglite.query('select count(*) from generate_series(1, 3000000)')
    clearInterval(timer)
    assert.ok(ticks > 10, `${ticks} ticks`)
  })

  test('while a failed text of several statements is rolled back meets nothing of it', async () => {
    const { pglite } = database
    await pglite.exec('create table half (n int)')
    const failing = refusalOf(pglite.exec('begin; insert into half values (1); select 1 / 0; commit'))
    const { rows } = await pglite.query('select count(*)::int as n from half')
    assert.equal((await failing).code, '22012')
    assert.deepEqual(rows, [{ n: 0 }])
  })
})

describe('a transaction', () => {
  const count = async () =>
    (await database.pglite.query<{ n: number }>('select count(*)::int as n from entry')).rows[0]?.n
  before(() => database.pglite.exec('create table entry (n int primary key)'))

  test('is there as a whole', async () => {
    const result = await database.pglite.transaction(async transaction => {
      await transaction.query('insert into entry values ($1)', [1])
      await transaction.exec('insert into entry values (2); insert into entry values (3)')
      return 'done'
    })
    assert.equal(result, 'done')
    assert.equal(await count(), 3)
  })

  test('or not at all', async () => {
    const failing = database.pglite.transaction(async transaction => {
      await transaction.query('insert into entry values (10)')
      throw new Error('something else went wrong')
    })
    await assert.rejects(failing, /something else/)
    await database.pglite.transaction(async transaction => {
      await transaction.query('insert into entry values (10)')
      await transaction.rollback()
    })
    assert.equal(await count(), 3)
  })

  test('is not committed after a statement that failed, whoever swallows that', async () => {
    const error = await refusalOf(
      database.pglite.transaction(async transaction => {
        await transaction.query('insert into entry values (11)')
        await transaction.query('insert into entry values (1)').catch(() => {})
      }),
    )
    assert.equal(error.code, '25P02')
    assert.equal(await count(), 3)
  })

  test('has the database to itself: what is asked meanwhile waits, in order', async () => {
    const { pglite } = database
    const order: string[] = []
    const first = pglite.transaction(async transaction => {
      await transaction.query('insert into entry values (20)')
      await pause(20)
      await transaction.query('delete from entry where n = 20')
      order.push('first')
    })
    const seen = pglite.query('select from entry where n = 20').then(({ rows }) => order.push(`saw ${rows.length}`))
    const second = pglite.transaction(async transaction => {
      await transaction.query('select 1')
      order.push('second')
    })
    await Promise.all([first, seen, second])
    assert.deepEqual(order, ['first', 'saw 0', 'second'])
  })

  test('takes nothing more when it has ended', async () => {
    const late = await database.pglite.transaction(async transaction => () => transaction.query('select 1'))
    await assert.rejects(late(), /the transaction has ended/)
  })
})

test('a notification reaches its listeners until they have enough', async () => {
  const { pglite } = database
  const heard: string[] = []
  const stop = await pglite.listen('news', payload => heard.push(`a ${payload}`))
  await pglite.listen('news', payload => heard.push(`b ${payload}`))
  await pglite.listen('other', payload => heard.push(`other ${payload}`))
  await pglite.query(`select pg_notify('news', 'one')`)
  await stop()
  await pglite.transaction(async transaction => {
    await transaction.query(`select pg_notify('news', 'two')`)
    assert.deepEqual(heard, ['a one', 'b one'])
  })
  await pglite.query('select 1')
  assert.deepEqual(heard, ['a one', 'b one', 'b two'])
})

test('Kysely and pg-boss share it: a message goes with the transaction, and not without', async () => {
  const { pglite } = database
  const kysely = new Kysely<{ kept: { n: number } }>({ dialect: new PGliteDialect({ pglite }) })
  const boss = new PgBoss({ db: fromPglite(pglite), backend: 'pglite', useListenNotify: true })
  boss.on('error', error => assert.fail(error as Error))
  await boss.start()
  await boss.createQueue('work', { notify: true })
  await sql`create table kept (n int)`.execute(kysely)

  const send = (n: number, isKept: boolean) =>
    kysely.transaction().execute(async transaction => {
      await transaction.insertInto('kept').values({ n }).execute()
      await boss.send('work', { n }, { db: fromKysely(transaction) })
      if (!isKept) throw new Error('never mind')
    })
  const { promise, resolve } = Promise.withResolvers<object>()
  await boss.work('work', { pollingIntervalSeconds: 60 }, async ([job]) => resolve(job!.data as object))
  await assert.rejects(send(1, false), /never mind/)
  await Promise.all([
    send(2, true),
    ...Array.from({ length: 20 }, () => kysely.selectFrom('kept').selectAll().execute()),
  ])
  assert.deepEqual(await promise, { n: 2 })
  assert.deepEqual(await kysely.selectFrom('kept').selectAll().execute(), [{ n: 2 }])
  await boss.stop({ graceful: true, timeout: 2_000 })
})

test('maintenance vacuums what has changed much, and shortens a long log', async () => {
  const { pglite } = database
  await pglite.exec(`create table churned (n int, filler text);
    insert into churned select n, repeat('x', 500) from generate_series(1, 2000) n`)
  for (let round = 0; round < 30; round++) await pglite.query('update churned set n = n + 1')
  await pause(1_100) // PostgreSQL writes its counts every second
  await pglite.query('select 1')
  const stateOf = async () =>
    (
      await pglite.query<{ dead: number; log: number }>(
        `select n_dead_tup::int as dead, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), redo_lsn)::int as log
        from pg_stat_user_tables, pg_control_checkpoint() where relname = 'churned'`,
      )
    ).rows[0]!
  const before = await stateOf()
  assert.ok(before.dead > 10_000 && before.log > 32 * 1024 * 1024, JSON.stringify(before))
  await Promise.all([database.maintain(), database.maintain()])
  const after = await stateOf()
  assert.ok(after.dead === 0 && after.log < 1024 * 1024, JSON.stringify(after))
})
