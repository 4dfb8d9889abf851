import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import pg from 'pg'
import { pino } from 'pino'
import { unblockSignIn } from '../../src/accounts/sign-in-block.ts'
import { canonicalEmailAddress } from '../../src/email/address.ts'
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
import { type Database, inTransaction } from '../../src/storage/database.ts'
import { postgresDatabase } from '../../src/storage/postgres.ts'
import { untilWaitingOrDone } from '../support/lock-waits.ts'
import {
  confirmedAccount,
  newAddress,
  SECRET_KEY,
  send,
  signIn,
  startTestService,
  type TestService,
} from '../support/service.ts'

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

  async function lock(table: 'account' | 'attempt_counter', column: 'id' | 'key', value: string | Buffer) {
    await locker.query('begin')
    const { rowCount } = await locker.query(`select 1 from ${table} where ${column} = $1 for update`, [value])
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

  test('a sign-in that waits for its account holds no counter that others need', async () => {
    const account = await confirmedAccount(service)
    await signIn(service, account)
    await lock('account', 'id', account.id)
    const { email, password } = account
    const signingIn = send(`${service.url}/v1/sessions`, { json: { email, password } })
    const locked = await lockedBy(signingIn)
    await locker.query('rollback')
    assert.equal((await signingIn).status, 201)
    assert.deepEqual(locked, [counterOf('sessions_by_account', account.id).key.toString('hex')])
  })

  test('unblocking an account locks what a sign-in locks first before what it locks last', async () => {
    const id = '01890000-0000-7000-8000-000000000000'
    const own = counterOf('sessions_by_account', id)
    const address = () => canonicalEmailAddress(newAddress())!
    let email = address()
    while (counterOf('sign_in_by_address', email).key.compare(own.key) > 0) email = address() // by key, it comes first
    await countAttempt(database, [own, counterOf('sign_in_by_address', email)])
    await lock('attempt_counter', 'key', own.key)
    const unblocking = inTransaction(database, transaction => unblockSignIn(transaction, KEYS, { id, email }))
    const locked = await lockedBy(unblocking)
    await locker.query('rollback')
    await unblocking
    assert.deepEqual(locked, [own.key.toString('hex')])
  })

  const giveBack = (db: Database, counters: Counter[]) =>
    giveBackAttempt(
      db,
      counters.map(counter => ({ ...counter, countedAt: 0 })),
    )
  const forget = (db: Database, counters: Counter[]) => forgetCounters(db, counters.map(keyOf))
  for (const [what, statement] of Object.entries({
    counted: countAttempt,
    'given back': giveBack,
    forgotten: forget,
  }))
    test(`counters that are ${what} are locked by key, wherever they are in the table`, async () => {
      const counters = Array.from({ length: 20 }, (_, index) => counterOf('sign_in_by_address', what, `${index}`))
      const descending = counters.toSorted((a, b) => b.key.compare(a.key))
      for (const counter of descending) await countAttempt(database, [counter])
      const lowest = descending.at(-1)!
      await lock('attempt_counter', 'key', lowest.key)
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
    await lock('attempt_counter', 'key', held!.key)
    assert.equal(await deleteForgottenAttempts(database), 1)
    await locker.query('rollback')
    assert.equal(await deleteForgottenAttempts(database), 1)
  })
})
