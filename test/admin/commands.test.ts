import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { v7 as uuidv7 } from 'uuid'
import { runCommand } from '../support/command.ts'
import { DATABASES } from '../support/database.ts'
import { letterTokenOf } from '../support/genuine-secrets.ts'
import {
  confirmedAccount,
  exchange,
  newAddress,
  PASSWORD,
  type SignedUp,
  send,
  signIn,
  signUp,
  startTestService,
  type TestService,
} from '../support/service.ts'

for (const kind of DATABASES)
  describe(`commands beside a running service on ${kind}`, () => {
    let service: TestService
    before(async () => {
      service = await startTestService(kind, { env: { AUTH_TRUST_PROXY: '127.0.0.1, ::1' } })
    })
    after(() => service[Symbol.asyncDispose]())

    const run = (...args: string[]) => runCommand(service, ...args)
    const done = async (...args: string[]) => {
      const ran = await run(...args)
      assert.equal(ran.code, 0, ran.stderr)
      return ran.rows
    }
    const reasonOf = async (refreshToken: string) => (await exchange(service, refreshToken)).body.reason
    const attempt = (email: string, password: string, network = '192.0.2.1') =>
      send(`${service.url}/v1/sessions`, { json: { email, password }, headers: { 'x-forwarded-for': network } })
    const eventsOf = async ({ id, email }: Pick<SignedUp, 'id' | 'email'>) => {
      const events = await service.service.database
        .selectFrom('audit_event')
        .select(['type', 'operator', 'reason', 'count'])
        .where('account_id', '=', id)
        .where('email', '=', email)
        .where('operator', 'is not', null)
        .orderBy('id')
        .execute()
      return events.map(({ type, operator, reason, count }) => [type, operator, reason, count])
    }

    test('accounts disable ends the sessions at once, and accounts enable lets the owner sign in, but not the old sessions', async () => {
      const account = await confirmedAccount(service)
      const token = await signIn(service, account)
      const [disabled] = await done('accounts', 'disable', account.email, '--by', 'ann')
      assert.deepEqual([disabled.id, disabled.status, disabled.changed], [account.id, 'disabled', true])
      assert.equal(await reasonOf(token), 'revoked')
      assert.equal((await attempt(account.email, PASSWORD)).body.code, 'account_disabled')
      assert.equal((await done('accounts', 'disable', account.id))[0].changed, false)
      const [enabled] = await done('accounts', 'enable', account.id, '--by', 'bob')
      assert.deepEqual([enabled.status, enabled.changed], ['active', true])
      assert.equal(await reasonOf(token), 'revoked')
      assert.equal((await exchange(service, await signIn(service, account))).status, 200)
      assert.deepEqual(await eventsOf(account), [
        ['account.disabled', 'ann', null, 1],
        ['account.enabled', 'bob', null, 1],
      ])
    })

    test('several unconfirmed sign-ups of one email address are listed, and none is picked', async () => {
      const email = newAddress()
      const ids = [await signUp(service, { email }), await signUp(service, { email })].map(({ id }) => id).sort()
      const shown = await done('accounts', 'show', email)
      assert.deepEqual(shown.map(({ id }) => id).sort(), ids)
      for (const command of [['disable'], ['delete', '--yes'], ['unblock']]) {
        const { code, error } = await run('accounts', command[0]!, email, ...command.slice(1))
        assert.deepEqual([code, error.code, [...error.ids].sort()], [3, 'account_ambiguous', ids])
      }
      const one = await run('accounts', 'disable', ids[0]!)
      assert.deepEqual([one.code, one.error.code], [1, 'account_unconfirmed'])
    })

    test('of several sign-ups the confirmed one is meant', async () => {
      const email = newAddress()
      const overtaken = await signUp(service, { email })
      const account = await signUp(service, { email })
      const token = await letterTokenOf(service, account.id)
      await send(`${service.url}/v1/confirmations`, { json: { token, ticket: account.ticket } })
      assert.equal((await done('accounts', 'disable', email))[0].id, account.id)
      const shown = await done('accounts', 'show', email)
      assert.deepEqual(
        shown.map(({ id, status }) => [id, status]),
        [
          [account.id, 'disabled'],
          [overtaken.id, 'unconfirmed'],
        ],
      )
    })

    test('of an address that others sign up with again and again, the confirmed account is meant and shown first', async () => {
      const account = await confirmedAccount(service)
      await signIn(service, account)
      const newer = Array.from({ length: 100 }, () => uuidv7())
      await sql`insert into account (id, email, password_phc, password_pepper, password_version, locale)
        select newer, email, password_phc, password_pepper, password_version, locale
        from account, unnest(${newer}::uuid[]) as newer where id = ${account.id}`.execute(service.service.database)
      const shown = await done('accounts', 'show', account.email)
      assert.deepEqual([shown[0].id, shown[0].live_sessions], [account.id, 1])
      assert.equal((await done('accounts', 'unblock', account.email))[0].id, account.id)
      assert.equal((await done('sessions', 'list', '--account', account.email)).length, 1)
      assert.deepEqual(await done('sessions', 'end', '--account', account.email), [{ ended: 1 }])
      assert.equal((await done('accounts', 'disable', account.email))[0].id, account.id)
    })

    test('accounts delete asks for --yes, and leaves nothing but the events', async () => {
      const account = await confirmedAccount(service)
      const token = await signIn(service, account)
      assert.equal((await run('accounts', 'delete', account.email)).code, 2)
      assert.equal((await exchange(service, token)).status, 200)
      assert.equal((await done('accounts', 'delete', account.email, '--yes', '--by', 'ann'))[0].deleted, true)
      assert.equal((await exchange(service, token)).status, 400)
      assert.equal((await attempt(account.email, PASSWORD)).status, 401)
      const gone = await run('accounts', 'show', account.id)
      assert.deepEqual([gone.code, gone.error.code, gone.stdout], [3, 'account_not_found', ''])
      assert.deepEqual(await eventsOf(account), [['account.deleted', 'ann', null, 1]])
    })

    test('sessions end ends one, or all of an account, or all of everyone', async () => {
      const [first, second] = [await confirmedAccount(service), await confirmedAccount(service)]
      const tokens = [await signIn(service, first), await signIn(service, first), await signIn(service, first)]
      const other = await signIn(service, second)
      const listed = await done('sessions', 'list', '--account', first.email)
      assert.equal(listed.length, 3)
      assert.deepEqual(await done('sessions', 'end', listed[2].id, '--by', 'ann'), [{ ended: 1 }])
      assert.equal(await reasonOf(tokens[0]!), 'revoked')
      assert.equal((await exchange(service, tokens[1]!)).status, 200)
      assert.deepEqual(await done('sessions', 'end', listed[2].id), [{ ended: 0 }])
      assert.deepEqual(await done('sessions', 'end', '--account', first.id, '--by', 'ann'), [{ ended: 2 }])
      assert.equal(await reasonOf(tokens[2]!), 'revoked')
      assert.equal((await exchange(service, other)).status, 200)
      const [{ ended }] = await done('sessions', 'end', '--everyone', '--by', 'ann')
      assert.ok(ended >= 1)
      assert.equal(await reasonOf(other), 'revoked')
      assert.deepEqual(await done('sessions', 'list'), [])
      assert.equal((await done('sessions', 'list', '--ended', '--account', first.id)).length, 3)
      assert.deepEqual(await eventsOf(first), [
        ['sessions.ended', 'ann', 'session', 1],
        ['sessions.ended', 'ann', 'account', 2],
      ])
      const ofEveryone = await service.service.database
        .selectFrom('audit_event')
        .select('count')
        .where('reason', '=', 'everyone')
        .executeTakeFirst()
      assert.equal(ofEveryone?.count, ended)
    })

    test('sessions end ends nothing unless it is told exactly what', async () => {
      const account = await confirmedAccount(service)
      const token = await signIn(service, account)
      const [{ id }] = await done('sessions', 'list', '--account', account.id)
      assert.equal((await run('sessions', 'end')).code, 2)
      assert.equal((await run('sessions', 'end', id, '--everyone')).code, 2)
      assert.equal((await run('sessions', 'end', 'all')).code, 2)
      assert.equal((await run('sessions', 'end', account.id)).error.code, 'session_not_found')
      assert.equal((await exchange(service, token)).status, 200)
    })

    test('accounts unblock lets an owner sign in whom guesses at the address keep out', async () => {
      const account = await confirmedAccount(service)
      const networks = Array.from({ length: 12 }, (_, index) => `198.51.100.${index + 1}`)
      for (let round = 0; round < 10; round++)
        await Promise.all(networks.map(network => attempt(account.email, 'not the right password', network)))
      const { status, body } = await attempt(account.email, PASSWORD, networks[0])
      assert.equal(status, 429, body.limit)
      const [shown] = await done('accounts', 'show', account.email)
      assert.ok(shown.sign_in_blocked_seconds > 0)
      await done('accounts', 'unblock', account.email, '--by', 'ann')
      assert.equal((await done('accounts', 'show', account.email))[0].sign_in_blocked_seconds, 0)
      // A process remembers for a second what was blocked.
      for (const network of [...networks, '203.0.113.7'])
        for (const deadline = Date.now() + 10_000; (await attempt(account.email, PASSWORD, network)).status !== 201; ) {
          assert.ok(Date.now() < deadline, `${network} is still blocked`)
          await pause(50)
        }
      assert.deepEqual(await eventsOf(account), [['account.unblocked', 'ann', null, 1]])
    })

    test('accounts list has filters, and goes on behind the last of a page', async () => {
      const accounts = [await confirmedAccount(service), await confirmedAccount(service), await signUp(service)]
      const [newest, ...rest] = accounts.map(({ id }) => id).toReversed()
      const [first] = await done('accounts', 'list', '--limit', '1')
      assert.deepEqual([first.id, first.status], [newest, 'unconfirmed'])
      const next = await done('accounts', 'list', '--limit', '2', '--after', newest!)
      assert.deepEqual(
        next.map(({ id }) => id),
        rest,
      )
      const active = await done('accounts', 'list', '--status', 'active', '--limit', '2')
      assert.deepEqual(
        active.map(({ id }) => id),
        rest,
      )
      const byEmail = await done('accounts', 'list', '--email', accounts[0]!.email.toUpperCase())
      assert.deepEqual(
        byEmail.map(({ id }) => id),
        [accounts[0]!.id],
      )
      for (const wrong of [
        ['--status', 'gone'],
        ['--limit', '0'],
        ['--limit', '1001'],
        ['--after', 'x'],
        ['--email', 'x'],
      ])
        assert.equal((await run('accounts', 'list', ...wrong)).code, 2, wrong.join(' '))
    })

    test('the name of an operator is visible text, so that nothing else gets into the events', async () => {
      const account = await confirmedAccount(service)
      for (const by of ['', ' ', 'a\nb', '\u001b[2J', 'x'.repeat(101)]) {
        const { code, error } = await run('accounts', 'disable', account.id, '--by', by)
        assert.deepEqual([code, error.code], [2, 'invalid_argument'], JSON.stringify(by))
      }
      assert.equal((await done('accounts', 'show', account.id))[0].status, 'active')
    })

    test('keys rotate --now takes effect in the running service', async () => {
      const keysOf = async () =>
        (await send(`${service.url}/.well-known/jwks.json`)).body.keys.map(({ kid }: { kid: string }) => kid)
      const current = (await done('keys', 'list')).find(({ role }) => role === 'current').id
      assert.ok((await keysOf()).includes(current))
      await done('keys', 'rotate', '--now', '--by', 'ann')
      assert.ok(!(await done('keys', 'list')).some(({ id }) => id === current))
      if (kind === 'PGlite') assert.ok(!(await keysOf()).includes(current), 'at once; other processes within a minute')
      const event = await service.service.database
        .selectFrom('audit_event')
        .select('operator')
        .where('type', '=', 'signing_key.dropped')
        .executeTakeFirst()
      assert.equal(event?.operator, 'ann')
    })
  })
