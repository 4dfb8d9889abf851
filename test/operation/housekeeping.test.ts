import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import pg from 'pg'
import { pino } from 'pino'
import { deleteOutlived, repeatUntil } from '../../src/housekeeping.ts'
import { migrate } from '../../src/storage/migrate.ts'
import { postgresDatabase } from '../../src/storage/postgres.ts'
import { createTestDatabase } from '../support/database.ts'

const silent = pino({ level: 'silent' })

test('an outlived account that somebody locks keeps no other kind of row from being deleted, on PostgreSQL', async () => {
  await using opened = new AsyncDisposableStack()
  const { url } = opened.use(await createTestDatabase())
  const database = postgresDatabase(url, silent)
  opened.defer(() => database.destroy())
  await migrate(database)
  await sql`insert into account (id, email, locale, password_phc, password_pepper, password_version, created_at)
    values (gen_random_uuid(), 'outlived@example.com', 'en', '', '', 1, now() - interval '8 days')`.execute(database)
  await sql`insert into attempt_counter (key, level, counted_at, blocked_until, forgotten_at)
    values ('\\x00', 1, now(), now(), now() - interval '1 day')`.execute(database)
  const holder = new pg.Client({ connectionString: url })
  await holder.connect()
  opened.defer(() => holder.end())
  await holder.query('begin')
  await holder.query('select from account for update')

  await assert.rejects(deleteOutlived({ database, auditRetention: 90 * 86_400 }), AggregateError)
  const { rows } = await holder.query(
    'select (select count(*)::int from account) as accounts, (select count(*)::int from attempt_counter) as counters',
  )
  assert.deepEqual(rows, [{ accounts: 1, counters: 0 }])
})

test('a task that takes longer than its interval is not made up for', async ({ mock }) => {
  mock.timers.enable({ apis: ['setInterval'] })
  let runs = 0
  const over = Promise.withResolvers<void>()
  const task = () => {
    runs++
    return over.promise
  }
  const running = repeatUntil(new AbortController().signal, 1_000, task, silent)
  mock.timers.tick(5_000)
  over.resolve()
  await running()
  assert.equal(runs, 1)
  mock.timers.tick(1_000)
  await running()
  assert.equal(runs, 2)
})
