import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { AdminError } from '../../src/admin/errors.ts'
import type { AdminDeps } from '../../src/admin/operation.ts'
import { performOperation } from '../../src/admin/operations.ts'
import { environmentOf, runCommand } from '../support/command.ts'
import { DATABASES, shiftClock } from '../support/database.ts'
import { ServiceProcess } from '../support/process.ts'
import {
  confirmedAccount,
  exchange,
  newAddress,
  PASSWORD,
  type SignedUp,
  send,
  signIn,
  startTestService,
  type TestService,
} from '../support/service.ts'

const HOUR = 3_600 // seconds

for (const kind of DATABASES)
  describe(`events list and events count tell what was done, beside a running service on ${kind}`, () => {
    let service: TestService
    let account: SignedUp
    const unknown = newAddress()
    before(async () => {
      service = await startTestService(kind, { env: { AUTH_TRUST_PROXY: '127.0.0.1, ::1' } })
      account = await confirmedAccount(service)
      await attempt(account.email, 'a wrong guess', '192.0.2.1')
      await attempt(unknown, 'a wrong guess', '192.0.2.1')
      await attempt(unknown, 'a wrong guess', '2001:db8::7')
      await attempt(account.email, PASSWORD, '192.0.2.1')
    })
    after(() => service[Symbol.asyncDispose]())

    const attempt = (email: string, password: string, network: string) =>
      send(`${service.url}/v1/sessions`, { json: { email, password }, headers: { 'x-forwarded-for': network } })
    const run = (...args: string[]) => runCommand(service, 'events', ...args)
    const done = async (...args: string[]) => {
      const ran = await run(...args)
      assert.equal(ran.code, 0, ran.stderr)
      return ran.rows
    }
    const typesOf = async (...args: string[]) => (await done('list', ...args)).map(({ type }) => type)

    test('the events of an account are found by its id and by its email address, those of its sessions too', async () => {
      const token = await signIn(service, account)
      await send(`${service.url}/oauth2/revoke`, { form: { token } })
      const [latest, ...earlier] = await done('list', '--account', account.email.toUpperCase())
      assert.deepEqual(
        [latest.type, latest.account_id, latest.email, latest.outcome],
        ['session.revoked', account.id, null, 'success'],
      )
      assert.match(latest.session_id, /^[0-9a-f-]{36}$/)
      for (const type of ['sign_in.succeeded', 'sign_in.failed', 'account.confirmed', 'letter.sent', 'account.created'])
        assert.ok(
          earlier.some(event => event.type === type),
          type,
        )
      assert.deepEqual(await done('list', '--account', account.id), [latest, ...earlier])
    })

    test('they outlive the account, and its email address still finds them', async () => {
      const gone = await confirmedAccount(service)
      await exchange(service, await signIn(service, gone))
      const { code } = await runCommand(service, 'accounts', 'delete', gone.email, '--yes', '--by', 'ann')
      assert.equal(code, 0)
      const [latest] = await done('list', '--account', gone.email, '--operators')
      assert.deepEqual([latest.type, latest.operator, latest.account_id], ['account.deleted', 'ann', gone.id])
    })

    test('events can be chosen by type, network and operators, and all that is asked for holds', async () => {
      assert.deepEqual(await typesOf('--account', unknown, '--type', 'sign_in.failed'), Array(2).fill('sign_in.failed'))
      assert.deepEqual(await typesOf('--account', unknown, '--network', '192.0.2.1'), ['sign_in.failed'])
      assert.deepEqual(await typesOf('--network', '2001:db8::9'), ['sign_in.failed'])
      assert.deepEqual(await typesOf('--network', '2001:db8:0:0::/64'), ['sign_in.failed'])
      const types = await typesOf('--network', '192.0.2.1', '--type', 'sign_in.succeeded, sign_in.failed')
      assert.deepEqual(types, ['sign_in.succeeded', 'sign_in.failed', 'sign_in.failed'])
      assert.deepEqual(await typesOf('--account', newAddress()), [])
    })

    test('a list goes on after the last of a page', async () => {
      const all = await done('list', '--limit', '4')
      const [first, second] = await done('list', '--limit', '2')
      assert.deepEqual([first, second, ...(await done('list', '--limit', '2', '--after', second.id))], all)
    })

    test('since is judged by the clock of the database', async () => {
      await shiftClock(service.service.database, 2 * HOUR)
      try {
        const later = newAddress()
        await attempt(later, 'a wrong guess', '192.0.2.9')
        const [one, ...others] = await done('list', '--since', '1h')
        assert.deepEqual([one.email, others], [later, []])
        assert.deepEqual(await done('list', '--since', one.at), [one])
        assert.ok((await done('list', '--since', '3h', '--limit', '2')).length === 2)
        assert.deepEqual(await done('list', '--since', '2999-01-01'), [])
      } finally {
        await shiftClock(service.service.database, 0)
      }
    })

    test('they are counted by email address, by network and by type', async () => {
      const guesses = ['--type', 'sign_in.failed', '--limit', '1000']
      const byEmail = await done('count', '--by', 'email', ...guesses)
      const { last_at, ...ofUnknown } = byEmail.find(({ email }) => email === unknown)
      assert.deepEqual(ofUnknown, { email: unknown, events: 2, failures: 2, networks: 2 })
      assert.ok(Date.parse(last_at))
      const [most] = await done('count', '--by', 'network', '--type', 'sign_in.failed,sign_in.succeeded')
      assert.deepEqual([most.network, most.events, most.failures, most.emails], ['192.0.2.1', 3, 2, 2])
      const [byType, ...others] = await done('count', '--by', 'type', '--account', unknown)
      assert.deepEqual([byType.type, byType.events, others], ['sign_in.failed', 2, []])
    })

    if (kind === 'PostgreSQL')
      // where the command counts in its own process, which can be altered
      test('where there are too many to count at once, the command says how to continue', async () => {
        const sooner = [
          { file: 'audit/event-list-store.ts', find: 'ROWS_A_SLICE = 2_000', replace: 'ROWS_A_SLICE = 1' },
          { file: 'audit/event-list-store.ts', find: 'MOST_GROUPS = 200_000', replace: 'MOST_GROUPS = 2' },
        ]
        const countTypes = async (...args: string[]) => {
          const command = ['events', 'count', '--by', 'type', '--account', unknown, ...args]
          await using ran = new ServiceProcess(environmentOf(service), command, sooner)
          return (await ran.ended()).stdout
        }
        const [, lastId] = /^Counted back to 2\S+Z\. Earlier events: --after (\d+)$/m.exec(await countTypes())!
        const lines = (await countTypes('--json')).trim().split('\n')
        assert.equal(JSON.parse(lines.at(-1)!).after, lastId)
        const { code, rows } = await run('count', '--by', 'type', '--after', lastId!)
        assert.equal(code, 0)
        assert.ok(rows.length > 0)
      })

    test('what cannot be asked for is refused, and the message says what can', async () => {
      const deps = { database: service.service.database } as AdminDeps
      for (const [wrong, needed] of [
        [{ account: 'ann' }, /UUID/],
        [{ account: 'a@b@c' }, /email address/],
        [{ type: 'sign_in' }, /sign_in\.failed/],
        [{ type: '' }, /one of/],
        [{ network: '192.0.2.0/24' }, /IP address/],
        [{ network: 'fe80::1%eth0' }, /IP address/],
        [{ since: 'yesterday' }, /2h or 1d/],
        [{ since: '2026-02-30' }, /2h or 1d/],
        [{ since: '0d' }, /from 1s/],
        [{ since: '2026-01-31T09:30' }, /2h or 1d/],
        [{ limit: 0 }, /1 to 1000/],
        [{ after: 'x' }, /number/],
        [{ after: '999999999999' }, /continue after/],
        [{ by: 'reason' }, /email, network, type/],
      ] as const) {
        const operation = 'by' in wrong ? 'events.count' : 'events.list'
        const refused = performOperation(deps, operation, { limit: 50, operators: false, ...wrong })
        await assert.rejects(refused, (error: AdminError) => {
          assert.equal(error.code, 'invalid_argument', JSON.stringify(wrong))
          assert.match(error.fault.needed, needed, JSON.stringify(wrong))
          return true
        })
      }
      const { code, error } = await run('list', '--since', 'yesterday')
      assert.deepEqual([code, error.code], [2, 'invalid_argument'])
    })
  })
