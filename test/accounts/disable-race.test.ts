import assert from 'node:assert/strict'
import { AsyncResource } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { disableAccount } from '../../src/accounts/account-status-store.ts'
import { findAccount } from '../../src/accounts/account-store.ts'
import { insertSession, isSessionLive } from '../../src/sessions/session-store.ts'
import { type Database, inTransaction, type Queryable } from '../../src/storage/database.ts'
import { DATABASES } from '../support/database.ts'
import { untilWaitingOrDone } from '../support/lock-waits.ts'
import { confirmedAccount, exchange, send, startTestService, type TestService } from '../support/service.ts'

// The class of Zitadel CVE-2023-22492 and of Directus' "suspended user".
for (const kind of DATABASES) {
  describe(`a sign-in that races with disabling the account on ${kind} [R47]`, () => {
    let service: TestService
    let database: Database
    before(async () => {
      service = await startTestService(kind)
      database = service.service.database
    })
    after(() => service[Symbol.asyncDispose]())

    /** What a sign-in does once its password was verified against this revision of the account. */
    const startSession = (db: Queryable, { id, revision }: { id: string; revision: number }) =>
      insertSession(db, {
        id: randomUUID(),
        accountId: id,
        accountRevision: revision,
        amr: ['pwd'],
        lifetimes: { idle: 3_600, absolute: 3_600 },
        tokenKey: 'k1',
      })

    const verifiedAccount = async () => (await findAccount(database, (await confirmedAccount(service)).id))!

    test('a password verified before the account was disabled starts no session after', async () => {
      const account = await verifiedAccount()
      assert.equal(await disableAccount(database, account.id), true)
      assert.equal(await startSession(database, account), undefined)
    })

    test('a session that was started first is ended by disabling', async () => {
      const account = await verifiedAccount()
      const session = await startSession(database, account)
      assert.equal(await isSessionLive(database, session!.id), true)
      await disableAccount(database, account.id)
      assert.equal(await isSessionLive(database, session!.id), false)
    })

    test('disabling that begins while the session is being started waits, and ends it', async () => {
      const account = await verifiedAccount()
      let disabling: Promise<boolean> | undefined
      const session = await inTransaction(database, async transaction => {
        const started = await startSession(transaction, account)
        disabling = outsideOfTransaction(() => disableAccount(database, account.id))
        if (service.databaseUrl) await untilWaitingOrDone(service.databaseUrl, disabling)
        return started
      })
      assert.equal(await disabling, true)
      assert.equal(await isSessionLive(database, session!.id), false)
    })

    test('whichever is first, no session of a disabled account goes on', async () => {
      const outcomes = new Set<number>()
      for (let round = 0; round < 12; round++) {
        const { id, email, password } = await confirmedAccount(service)
        const signingIn = send(`${service.url}/v1/sessions`, { json: { email, password } })
        for (let turns = 0; turns < round * 3; turns++) await new Promise(setImmediate)
        const [signedIn] = await Promise.all([signingIn, disableAccount(database, id)])
        outcomes.add(signedIn.status)
        if (signedIn.status === 201)
          assert.equal((await exchange(service, signedIn.body.refresh_token)).body.reason, 'revoked')
        else assert.deepEqual([signedIn.status, signedIn.body.code], [403, 'account_disabled'])
        const again = await send(`${service.url}/v1/sessions`, { json: { email, password } })
        assert.deepEqual([again.status, again.body.code], [403, 'account_disabled'])
        const wrong = await send(`${service.url}/v1/sessions`, { json: { email, password: 'not the password' } })
        assert.deepEqual(
          [wrong.status, wrong.body.code],
          [401, 'invalid_credentials'],
          'only the right password learns it',
        )
      }
      assert.ok(outcomes.has(403), 'the race has been met')
    })
  })
}

// Made outside of any transaction, as another request is.
const anotherRequest = new AsyncResource('another request')

function outsideOfTransaction<Result>(begin: () => Promise<Result>): Promise<Result> {
  return anotherRequest.runInAsyncScope(begin)
}
