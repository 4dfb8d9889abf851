import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { Counter, Registry } from 'prom-client'
import { AttemptLimits } from '../../src/limits/attempt-limits.ts'
import { LIMITS } from '../../src/limits/limits.ts'
import { IdleSessionSweep } from '../../src/sessions/idle-session-sweep.ts'
import { rotate } from '../../src/sessions/rotate.ts'
import { insertSession } from '../../src/sessions/session-store.ts'
import { inTransaction } from '../../src/storage/database.ts'
import { DATABASES, shiftClock } from '../support/database.ts'
import { confirmedAtOnce, keyRingOf } from '../support/genuine-secrets.ts'
import { exchange, type SignedUp, send, signIn, startTestService, type TestService } from '../support/service.ts'

const MOST = 3
const DAY = 86_400 // seconds

for (const kind of DATABASES)
  describe(`sessions of one account, on ${kind},`, () => {
    let service: TestService
    before(async () => {
      service = await startTestService(kind, { env: { AUTH_SESSIONS_PER_ACCOUNT: `${MOST}`, AUTH_RATE_LIMITS: 'on' } })
    })
    after(() => service[Symbol.asyncDispose]())

    const sessionsOf = ({ id }: SignedUp) =>
      service.service.database
        .selectFrom('session')
        .select(['id', 'end_reason'])
        .where('account_id', '=', id)
        .orderBy('id')
        .execute()

    const signInWith = ({ email, password }: SignedUp, more: object = {}) =>
      send(`${service.url}/v1/sessions`, { json: { email, password, ...more } })

    test('are bounded: one more ends the one that was idle for the longest [R45]', async () => {
      const account = await confirmedAtOnce(service)
      const tokens: string[] = []
      for (let count = 0; count < MOST; count++) tokens.push(await signIn(service, account))
      tokens[0] = (await exchange(service, tokens[0]!)).body.refresh_token
      tokens.push(await signIn(service, account))
      const answers = await Promise.all(tokens.map(token => exchange(service, token)))
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 400, 200, 200],
      )
      assert.deepEqual([answers[1]!.body.error, answers[1]!.body.reason], ['invalid_grant', 'revoked'])
      const sessions = await sessionsOf(account)
      assert.deepEqual(
        sessions.map(({ end_reason }) => end_reason),
        [null, 'displaced', null, null],
      )
      const events = await service.service.database
        .selectFrom('audit_event')
        .select(['session_id', 'account_id'])
        .where('type', '=', 'session.displaced')
        .execute()
      assert.deepEqual(events, [{ session_id: sessions[1]!.id, account_id: account.id }])
    })

    test('are as many as allowed after sign-ins at one moment, too', async () => {
      const account = await confirmedAtOnce(service)
      const answers = await Promise.all(Array.from({ length: 9 }, () => signInWith(account)))
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]))
      const live = (await sessionsOf(account)).filter(({ end_reason }) => end_reason === null)
      assert.equal(live.length, MOST)
    })

    test('start at a bounded pace, and whoever lacks the password learns nothing of it', async () => {
      const account = await confirmedAtOnce(service)
      const limits = new AttemptLimits({
        database: service.service.database,
        keys: keyRingOf(service).for('attempt-counter'),
        holdsOptional: true,
        refusals: new Counter({ name: 'refusals', help: 'h', labelNames: ['limit'], registers: [new Registry()] }),
        now: Date.now,
      })
      const { burst, forgivenAfter } = LIMITS.sessions_by_account
      for (let count = 1; count < burst; count++) await limits.count({ sessions_by_account: [account.id] })
      const last = await signInWith(account)
      assert.equal(last.status, 201)
      for (const known of [{}, { device_token: last.body.device_token }]) {
        const refused = await signInWith(account, known)
        assert.deepEqual([refused.status, refused.body.limit], [429, 'sessions_by_account'])
        assert.match(refused.headers.get('retry-after') ?? '', /^([1-9]|10)$/)
        assert.equal((await signInWith(account, { ...known, password: 'not the right one' })).status, 401)
      }
      assert.equal((await exchange(service, last.body.refresh_token)).status, 200, 'sessions go on')
      try {
        await shiftClock(service.service.database, forgivenAfter)
        const guess = await signInWith(account, { password: 'not the right one' })
        assert.equal(guess.status, 401)
      } finally {
        await shiftClock(service.service.database, 0)
      }
    })

    test('that nobody uses are deleted 30 days after their end, and those in use stay [R45]', async () => {
      const { database } = service.service
      const account = await confirmedAtOnce(service)
      const sweep = new IdleSessionSweep(180 * DAY)
      const unused = await signIn(service, account)
      let used = await signIn(service, account)
      try {
        for (const days of [29, 58]) {
          await shiftClock(database, days * DAY)
          used = (await exchange(service, used)).body.refresh_token
          await sweep.run(database)
          assert.equal((await sessionsOf(account)).length, 2, `after ${days} days`)
        }
        assert.equal((await exchange(service, unused)).body.reason, 'expired')
        await shiftClock(database, 61 * DAY)
        await sweep.run(database)
        assert.equal((await sessionsOf(account)).length, 1)
        assert.equal((await exchange(service, unused)).body.reason, 'expired', 'the same as before')
        assert.equal((await exchange(service, used)).status, 200)
      } finally {
        await shiftClock(database, 0)
      }
    })

    test('are walked through page by page, however many there are', async () => {
      const { database } = service.service
      const { id } = await confirmedAtOnce(service)
      await sql`
        insert into session (id, account_id, amr, expires_at, idle_expires_at, token_key)
        select gen_random_uuid(), ${id}, 'pwd', now() + interval '100 days',
          now() - case when number % 7 = 0 then interval '1 day' else interval '31 days' end, 'k1'
        from generate_series(1, 3500) as number`.execute(database)
      const left = async () => {
        const { rows } = await sql<{ count: number }>`
          select count(*)::int as count from session where account_id = ${id}`.execute(database)
        return rows[0]!.count
      }
      await new IdleSessionSweep(180 * DAY).run(database)
      assert.equal(await left(), 500)
      await sql`delete from session where account_id = ${id}`.execute(database)
    })

    test('are updated in place by an exchange, so that nothing it changes is in an index', async () => {
      const { database } = service.service
      const account = await confirmedAtOnce(service)
      const id = crypto.randomUUID()
      const started = await insertSession(database, {
        id,
        accountId: account.id,
        accountRevision: 1,
        amr: ['pwd'],
        lifetimes: { idle: DAY, absolute: 2 * DAY },
        tokenKey: 'k1',
      })
      assert.ok(started)
      const settings = { grace: 30, idleTtl: DAY, tokenKey: 'k1', retiredKeys: [] }
      const updates = await inTransaction(database, async transaction => {
        const counted = async () => {
          const { rows } = await sql<{ all: number; hot: number }>`
            select n_tup_upd::int as all, n_tup_hot_upd::int as hot from pg_stat_xact_user_tables
            where relname = 'session'`.execute(transaction)
          return rows[0]!
        }
        const before = await counted() // what the connection did before may not have been added to the total yet
        for (let generation = 1; generation <= 3; generation++)
          assert.equal((await rotate(transaction, [{ sessionId: id, generation }], settings))[0]?.verdict, 'current')
        const after = await counted()
        return { all: after.all - before.all, hot: after.hot - before.hot }
      })
      assert.deepEqual(updates, { all: 3, hot: 3 })
    })
  })
