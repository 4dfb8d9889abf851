import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { pino } from 'pino'
import { type Rotation, rotate } from '../../src/sessions/rotate.ts'
import { RotationBatches } from '../../src/sessions/rotation-batches.ts'
import type { Database } from '../../src/storage/database.ts'
import { postgresDatabase } from '../../src/storage/postgres.ts'
import { refreshTokens } from '../measuring/known-keys.ts'
import { seedSessions } from '../measuring/seeded-sessions.ts'
import { type Answer, exchange, startTestService, type TestService } from '../support/service.ts'

const SETTINGS = { grace: 30, idleTtl: 86_400, tokenKey: 'k1', retiredKeys: [] }
const SESSIONS = 10

describe('when another transaction has locked the row of a session', () => {
  let service: TestService
  let locker: pg.Client
  let database: Database
  before(async () => {
    service = await startTestService('PostgreSQL')
    database = postgresDatabase(service.databaseUrl!, pino({ level: 'silent' }))
    locker = new pg.Client({ connectionString: service.databaseUrl! })
    await locker.connect()
  })
  after(async () => {
    await locker.end()
    await database.destroy()
    await service[Symbol.asyncDispose]()
  })

  async function lock(id: string) {
    await locker.query('begin')
    const { rowCount } = await locker.query('select 1 from session where id = $1 for update', [id])
    assert.equal(rowCount, 1)
  }

  async function newSessions() {
    const tokens = await seedSessions({ databaseUrl: service.databaseUrl! }, SESSIONS)
    return Promise.all(tokens.map(async token => ({ id: (await refreshTokens.open(token))!.sessionId, token })))
  }

  test('all others are answered meanwhile, and its own tokens get 503 and are good afterwards', async () => {
    const [locked, ...others] = await newSessions()
    await lock(locked!.id)
    const asked = Array.from({ length: 5 }, () => exchange(service, locked!.token))
    let isAnswered = false
    void Promise.race(asked).then(() => {
      isAnswered = true
    })
    for (let round = 0; round < 3; round++)
      await Promise.all(
        others.map(async session => {
          const { status, body } = await exchange(service, session.token)
          assert.equal(status, 200)
          session.token = body.refresh_token
        }),
      )
    assert.equal(isAnswered, false, 'the others were answered first')
    for (const { status, body, headers } of await Promise.all(asked))
      assert.deepEqual([status, body.error, headers.get('retry-after')], [503, 'temporarily_unavailable', '1'])
    await locker.query('rollback')
    const { status, body } = await exchange(service, locked!.token)
    assert.equal(status, 200)
    assert.equal((await exchange(service, body.refresh_token)).status, 200)
  })

  test('everybody who shows its token gets the one successor as soon as the lock is gone', async () => {
    const [locked] = await newSessions()
    await lock(locked!.id)
    const asked: Promise<Answer>[] = Array.from({ length: 5 }, () => exchange(service, locked!.token))
    await locker.query(`select pg_sleep(0.2)`)
    await locker.query('commit')
    const answers = await Promise.all(asked)
    assert.deepEqual(
      answers.map(({ status }) => status),
      asked.map(() => 200),
    )
    assert.equal(new Set(answers.map(({ body }) => body.refresh_token)).size, 1)
  })

  test('a token that is shown again while a look at its session is under way gets its answer too', async () => {
    const [locked] = await newSessions()
    await lock(locked!.id)
    const asked: Promise<Rotation | undefined>[] = []
    const batches = new RotationBatches(async presented => {
      if (asked.length < 4) asked.push(shown())
      else await locker.query('rollback')
      return rotate(database, presented, SETTINGS)
    })
    const shown = () => batches.rotate({ sessionId: locked!.id, generation: 1 })
    await shown()
    assert.equal(asked.length, 4)
    for (const rotation of await Promise.all(asked)) assert.equal(rotation?.generation, 2)
  })

  test('a batch without a lock is one statement, and one that is deleted under a lock has expired', async () => {
    const [deleted, ...others] = await newSessions()
    const sizes: number[] = []
    const batches = new RotationBatches(presented => {
      sizes.push(presented.length)
      return rotate(database, presented, SETTINGS)
    })
    const shown = (id: string) => batches.rotate({ sessionId: id, generation: 1 })
    await Promise.all(others.map(({ id }) => shown(id)))
    assert.deepEqual(sizes, [1, SESSIONS - 2])
    await locker.query('begin')
    await locker.query('delete from session where id = $1', [deleted!.id])
    const verdict = shown(deleted!.id)
    await locker.query(`select pg_sleep(0.1)`)
    await locker.query('commit')
    assert.equal(await verdict, undefined)
  })
})
