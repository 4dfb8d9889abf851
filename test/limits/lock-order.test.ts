import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import pg from 'pg'
import { pino } from 'pino'
import {
  type Counter,
  countAttempt,
  deleteForgottenAttempts,
  forgetCounters,
  giveBackAttempt,
} from '../../src/limits/attempt-store.ts'
import { LIMITS, type LimitName } from '../../src/limits/limits.ts'
import { KeyRing } from '../../src/secrets/key-ring.ts'
import { keyedHash } from '../../src/secrets/keyed-hash.ts'
import type { Database } from '../../src/storage/database.ts'
import { postgresDatabase } from '../../src/storage/postgres.ts'
import { untilWaitingOrDone } from '../support/lock-waits.ts'
import { SECRET_KEY, startTestService, type TestService } from '../support/service.ts'

const KEYS = KeyRing.parse(SECRET_KEY).for('attempt-counter')
const counterOf = (name: LimitName, ...countedBy: string[]) => ({
  limit: LIMITS[name],
  key: keyedHash(KEYS, name, ...countedBy),
})

const keyOf = ({ key }: Counter) => key

// Another transaction holds one row; what has been locked by the time that its lock is waited for tells the order.
describe('the order in which counters are locked', () => {
  let service: TestService
  let database: Database
  let locker: pg.Client
  let observer: pg.Client
  before(async () => {
    service = await startTestService('PostgreSQL', { env: { AUTH_RATE_LIMITS: 'on' } })
    database = postgresDatabase(service.databaseUrl!, pino({ level: 'silent' }), { work: 'background' })
    locker = new pg.Client({ connectionString: service.databaseUrl! })
    observer = new pg.Client({ connectionString: service.databaseUrl! })
    await Promise.all([locker.connect(), observer.connect()])
  })
  afterEach(() => locker.query('rollback'))
  after(async () => {
    await Promise.all([locker.end(), observer.end(), database.destroy()])
    await service[Symbol.asyncDispose]()
  })

  async function lock(key: Buffer) {
    await locker.query('begin')
    const { rowCount } = await locker.query('select 1 from attempt_counter where key = $1 for update', [key])
    assert.equal(rowCount, 1)
  }

  /** The counters that are locked when the work has come to wait for a lock. */
  async function lockedBy(work: Promise<unknown>): Promise<string[]> {
    await untilWaitingOrDone(service.databaseUrl!, work)
    const { rows } = await observer.query(`
      with free as materialized (select key from attempt_counter for update skip locked)
      select encode(key, 'hex') as key from attempt_counter where key not in (select key from free)`)
    return rows.map(({ key }) => key)
  }

  const forget = (db: Database, counters: Counter[]) => forgetCounters(db, counters.map(keyOf))
  for (const [what, statement] of Object.entries({
    counted: countAttempt,
    'given back': giveBackAttempt,
    forgotten: forget,
  }))
    test(`counters that are ${what} are locked by key, wherever they are in the table`, async () => {
      const counters = Array.from({ length: 20 }, (_, index) => counterOf('sign_in_by_address', what, `${index}`))
      const descending = counters.toSorted((a, b) => b.key.compare(a.key))
      for (const counter of descending) await countAttempt(database, [counter])
      const lowest = descending.at(-1)!
      await lock(lowest.key)
      const working = statement(database, counters)
      const locked = await lockedBy(working)
      await locker.query('update attempt_counter set level = 7 where key = $1', [lowest.key])
      await locker.query('commit')
      await working
      assert.deepEqual(locked, [lowest.key.toString('hex')])
      const left = await database.selectFrom('attempt_counter').select('level').where('key', '=', lowest.key).execute()
      assert.deepEqual(
        left.map(({ level }) => Math.round(level)),
        { counted: [8], 'given back': [6], forgotten: [] }[what],
      )
    })

  test('the housekeeping waits for no counter that an attempt holds, and deletes the others', async () => {
    const [held, free] = ['held', 'free'].map(name => counterOf('sign_in_by_device', name))
    await countAttempt(database, [held!, free!])
    await database
      .updateTable('attempt_counter')
      .set({ forgotten_at: new Date(0) })
      .where('key', 'in', [held!.key, free!.key])
      .execute()
    await lock(held!.key)
    assert.equal(await deleteForgottenAttempts(database), 1)
    await locker.query('rollback')
    assert.equal(await deleteForgottenAttempts(database), 1)
  })
})
