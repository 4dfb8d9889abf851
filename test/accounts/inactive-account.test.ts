import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sql } from 'kysely'
import { findAccount } from '../../src/accounts/account-store.ts'
import { inTransaction } from '../../src/storage/database.ts'
import { DATABASES } from '../support/database.ts'
import { confirmedAccount, exchange, signIn, startTestService } from '../support/service.ts'

for (const kind of DATABASES)
  describe(`an account that stops being active, on ${kind}`, () => {
    test('has its sessions ended whoever changes its row, and they stay ended', async () => {
      await using service = await startTestService(kind)
      const { database } = service.service
      const [account, other] = [await confirmedAccount(service), await confirmedAccount(service)]
      const token = await signIn(service, account)
      const otherToken = await signIn(service, other)
      const { revision } = (await findAccount(database, account.id))!
      await sql`update account set status = 'disabled' where id = ${account.id}`.execute(database)
      assert.equal((await exchange(service, token)).body.reason, 'revoked')
      assert.equal((await exchange(service, otherToken)).status, 200)
      await sql`update account set status = 'active' where id = ${account.id}`.execute(database)
      assert.equal((await exchange(service, token)).body.reason, 'revoked')
      const now = (await findAccount(database, account.id))!
      assert.ok(now.revision > revision, 'a password that was verified before starts no session')
    })

    test('has them ended by whoever looks for tables elsewhere first', async () => {
      await using service = await startTestService(kind)
      const account = await confirmedAccount(service)
      const token = await signIn(service, account)
      await inTransaction(service.service.database, async transaction => {
        await sql`create schema elsewhere create table session (id uuid, account_id uuid, ended_at timestamptz, end_reason text)`.execute(
          transaction,
        )
        await sql`set local search_path = elsewhere`.execute(transaction)
        await sql`update public.account set status = 'disabled' where id = ${account.id}`.execute(transaction)
      })
      assert.equal((await exchange(service, token)).body.reason, 'revoked')
    })
  })
