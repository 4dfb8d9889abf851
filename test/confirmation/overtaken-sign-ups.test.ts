import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { deleteAccount } from '../../src/accounts/account-status-store.ts'
import { runCommand } from '../support/command.ts'
import { DATABASES } from '../support/database.ts'
import { letterTokenOf } from '../support/genuine-secrets.ts'
import { type SignedUp, send, signUp, startTestService, type TestService } from '../support/service.ts'
import { settled } from '../support/settled.ts'

const MANY = 2_500 // sign-ups, more than one statement marks at once

for (const kind of DATABASES)
  describe(`an address with many sign-ups on ${kind}`, () => {
    let service: TestService
    before(async () => {
      service = await startTestService(kind)
    })
    after(() => service[Symbol.asyncDispose]())

    const database = () => service.service.database

    async function signedUp(credentials?: { email: string }) {
      const account = await signUp(service, credentials)
      await settled(service) // so that its ticket shows the email as sent, and its row is written no more
      return { ...account, token: await letterTokenOf(service, account.id) }
    }

    const confirm = async ({ token, ticket }: { token: string; ticket: string }) => {
      const { status, body } = await send(`${service.url}/v1/confirmations`, { json: { token, ticket } })
      return `${status} ${body.code ?? body.status}`
    }

    const statusOf = async ({ ticket }: SignedUp) =>
      (await send(`${service.url}/v1/confirmation`, { headers: { authorization: `Bearer ${ticket}` } })).body

    /** Repeats a sign-up in the database. */
    async function addSignUps({ id }: SignedUp): Promise<void> {
      await sql`insert into account (id, email, password_phc, password_pepper, password_version, locale, created_at)
        select gen_random_uuid(), email, password_phc, password_pepper, password_version, locale, created_at
        from account, generate_series(1, ${MANY}) where id = ${id}`.execute(database())
    }

    /** Which transactions wrote and locked each row of an address; a lock stays visible after its transaction. */
    async function rowVersions({ email }: SignedUp): Promise<Map<string, string>> {
      const { rows } = await sql<{ id: string; version: string }>`
        select id, concat_ws(' ', ctid, xmin, xmax) as version from account where email = ${email}`.execute(database())
      return new Map(rows.map(({ id, version }) => [id, version]))
    }

    /** Rows of accounts that the embedded database has read: in one session, so the count is never late. */
    async function rowsRead(): Promise<number> {
      await sql`select pg_stat_force_next_flush()`.execute(database())
      const { rows } = await sql<{ count: number }>`
        select (seq_tup_read + idx_tup_fetch)::int as count
        from pg_stat_user_tables where relname = 'account'`.execute(database())
      return rows[0]!.count
    }

    test('confirming it locks and changes that sign-up alone, and repeating it locks none', async () => {
      const account = await signedUp()
      await addSignUps(account)
      const before = await rowVersions(account)
      const readBefore = await rowsRead()
      assert.equal(await confirm(account), '200 confirmed')
      if (kind === 'PGlite') assert.ok((await rowsRead()) - readBefore < 100)
      const confirmed = await rowVersions(account)
      assert.deepEqual(
        [...before.keys()].filter(id => confirmed.get(id) !== before.get(id)),
        [account.id],
      )
      assert.equal(await confirm(account), '200 confirmed')
      assert.deepEqual(await rowVersions(account), confirmed)
    })

    test('sign-ups that its confirmation overtook stay dead once the account is deleted; later ones do not', async () => {
      const overtaken = await signedUp()
      await addSignUps(overtaken)
      const { email } = overtaken
      const winner = await signedUp({ email })
      assert.equal(await confirm(winner), '200 confirmed')
      const later = await signedUp({ email })
      const seen = [await statusOf(overtaken), await statusOf(later)]
      assert.equal(await confirm(overtaken), '409 confirmation_superseded')
      assert.equal(await confirm(later), '409 confirmation_superseded')
      assert.equal(await deleteAccount(database(), winner.id), true)
      assert.equal(await confirm(overtaken), '409 confirmation_superseded')
      const { rows } = await sql`
        select from account where email = ${email} and superseded_at is null`.execute(database())
      assert.equal(rows.length, 1)
      assert.deepEqual([await statusOf(overtaken), await statusOf(later)], seen, 'tickets tell nothing of it')
      assert.equal(await confirm(later), '200 confirmed')
    })

    test('deleting a sign-up that was never confirmed leaves its rivals alive', async () => {
      const one = await signedUp()
      const other = await signedUp({ email: one.email })
      assert.equal(await deleteAccount(database(), other.id), true)
      assert.equal(await confirm(one), '200 confirmed')
    })

    test('accounts list and accounts show tell since when a sign-up is overtaken', async () => {
      const overtaken = await signedUp()
      const { email } = overtaken
      const winner = await signedUp({ email })
      await confirm(winner)
      const later = await signedUp({ email })
      const listed = (await runCommand(service, 'accounts', 'list', '--email', email)).rows
      const shown = await Promise.all(
        [later, winner, overtaken].map(({ id }) => runCommand(service, 'accounts', 'show', id)),
      )
      const { confirmed_at } = listed[1]
      assert.notEqual(confirmed_at, null)
      for (const rows of [listed, shown.map(({ rows }) => rows[0])])
        assert.deepEqual(
          rows.map(({ id, superseded_at }) => [id, superseded_at]),
          [
            [later.id, null],
            [winner.id, null],
            [overtaken.id, confirmed_at],
          ],
        )
    })
  })
