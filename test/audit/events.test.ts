import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { disableAccount } from '../../src/accounts/account-status-store.ts'
import { deleteOldEvents } from '../../src/audit/audit-store.ts'
import { EVENT_TYPES } from '../../src/audit/event-types.ts'
import { deleteOutlived } from '../../src/housekeeping.ts'
import { DATABASES, shiftClock } from '../support/database.ts'
import { letterTokenOf } from '../support/genuine-secrets.ts'
import {
  confirmedAccount,
  exchange,
  lettersTo,
  newAddress,
  PASSWORD,
  send,
  signIn,
  signUp,
  startTestService,
  type TestService,
  tokenIn,
} from '../support/service.ts'
import { openSmtpSink } from '../support/smtp-sink.ts'

const DAY = 86_400 // seconds
const HERE = /^(127\.0\.0\.1|0:0:0:0::\/64)$/

for (const kind of DATABASES)
  describe(`audit events, on ${kind}`, () => {
    async function eventsOf({ service }: TestService, email: string) {
      const rows = await service.database
        .selectFrom('audit_event')
        .select(['type', 'outcome', 'account_id', 'email', 'session_id', 'network', 'factor', 'reason', 'count'])
        .orderBy('id')
        .execute()
      const ids = new Set(rows.filter(row => row.email === email).map(row => row.account_id))
      return rows.filter(row => row.email === email || ids.has(row.account_id))
    }
    const toldOf = (events: Awaited<ReturnType<typeof eventsOf>>) =>
      events.map(({ type, outcome, reason }) => [type, outcome, reason].filter(Boolean).join(' '))

    test('[R82] Each step of an account leaves its event: who, what, from where, with what outcome', async () => {
      await using service = await startTestService(kind)
      const { database } = service.service
      const { id, email, ticket } = await signUp(service)
      const [letter] = await lettersTo(service, email)
      while ((await eventsOf(service, email)).length < 2) await pause(10) // the letter is recorded after it was taken
      const confirm = (proof: object) =>
        send(`${service.url}/v1/confirmations`, { json: { token: tokenIn(letter!), ...proof } })
      await confirm({}) // nothing was tried, so nothing failed
      await confirm({ ticket, password: PASSWORD })
      await confirm({ password: 'not the right password' })
      await confirm({ ticket })
      await confirm({ ticket })
      const signInWith = (password: string) => send(`${service.url}/v1/sessions`, { json: { email, password } })
      await signInWith('not the right password')
      const { body: session } = await signInWith(PASSWORD)
      await exchange(service, session.refresh_token)
      await send(`${service.url}/oauth2/revoke`, { form: { token: session.refresh_token } })
      await send(`${service.url}/oauth2/revoke`, { form: { token: session.refresh_token } })
      await disableAccount(database, id)
      await signInWith(PASSWORD)

      const events = await eventsOf(service, email)
      assert.deepEqual(toldOf(events), [
        'account.created success',
        'letter.sent success',
        'confirmation.failed failure proof_wrong',
        'account.confirmed success ticket',
        'sign_in.failed failure invalid_credentials',
        'sign_in.succeeded success',
        'session.revoked success',
        'account.disabled success',
        'sign_in.failed failure account_disabled',
      ])
      for (const event of events) assert.equal(event.account_id, id, event.type)
      for (const event of events)
        if (['letter.sent', 'account.disabled'].includes(event.type)) assert.equal(event.network, null)
        else assert.match(event.network ?? '', HERE, event.type)
      const ofSession = events.filter(({ session_id }) => session_id === session.id).map(({ type }) => type)
      assert.deepEqual(ofSession, ['sign_in.succeeded', 'session.revoked'])
      assert.equal(events.find(({ type }) => type === 'sign_in.succeeded')?.factor, 'pwd')
    })

    test('[R82] A confirmation tells which proof it was given, and which it was refused for', async () => {
      await using service = await startTestService(kind)
      const email = newAddress()
      const overtaken = await signUp(service, { email })
      const account = await signUp(service, { email })
      const confirm = async ({ id }: { id: string }) =>
        send(`${service.url}/v1/confirmations`, {
          json: { token: await letterTokenOf(service, id), password: PASSWORD },
        })
      await confirm(account)
      await confirm(overtaken)
      const told = toldOf(await eventsOf(service, email)).filter(event => /confirm/.test(event))
      assert.deepEqual(told, [
        'account.confirmed success password',
        'confirmation.failed failure confirmation_superseded',
      ])
    })

    test('[R82] A theft of a refresh token is recorded once, and a refresh leaves no row', async () => {
      await using service = await startTestService(kind)
      const account = await confirmedAccount(service)
      const first = await signIn(service, account)
      let current = first
      for (let count = 0; count < 3; count++) current = (await exchange(service, current)).body.refresh_token
      const before = await eventsOf(service, account.email)
      await shiftClock(service.service.database, 3_600)
      for (let count = 0; count < 3; count++) assert.equal((await exchange(service, first)).body.reason, 'reused')
      const told = await eventsOf(service, account.email)
      assert.deepEqual(toldOf(told.slice(before.length)), ['session.reused failure'])
      assert.match(told.at(-1)!.network ?? '', HERE)
    })

    test('[R82] Failed sign-ins are one row for each address, network and minute, with a count', async () => {
      await using service = await startTestService(kind)
      const email = newAddress()
      const guess = () => send(`${service.url}/v1/sessions`, { json: { email, password: 'not the right password' } })
      const { database } = service.service
      await Promise.all(Array.from({ length: 4 }, guess))
      await shiftClock(database, 60)
      await guess()
      const counts = (await eventsOf(service, email)).map(({ count }) => count)
      assert.equal(counts.length >= 2 && counts.length <= 3, true, String(counts)) // a minute may have ended meanwhile
      assert.equal(
        counts.reduce((sum, count) => sum + count),
        5,
      )
    })

    test('[R82] A letter that cannot be delivered and an account that nobody confirms are told of', async () => {
      await using sink = await openSmtpSink({ replies: { RCPT: '550 5.1.1 no such user' } })
      await using service = await startTestService(kind, { env: { AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}` } })
      const { email } = await signUp(service)
      while ((await eventsOf(service, email)).length < 2) await pause(10)
      await shiftClock(service.service.database, 8 * DAY)
      await deleteOutlived({ database: service.service.database, auditRetention: 90 * DAY })
      assert.deepEqual(toldOf(await eventsOf(service, email)), [
        'account.created success',
        'letter.failed failure undeliverable',
        'account.expired success',
      ])
    })

    test('Events are kept for as long as the setting says', async () => {
      await using service = await startTestService(kind)
      const { database } = service.service
      await signUp(service)
      await shiftClock(database, 89 * DAY)
      assert.equal(await deleteOldEvents(database, 90 * DAY), 0)
      await shiftClock(database, 91 * DAY)
      assert.ok((await deleteOldEvents(database, 90 * DAY)) >= 1)
    })
  })

test('Every type of event is described', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/audit.md'), 'utf8')
  const described = [...text.matchAll(/^\| `([a-z_.]+)` \| (success|failure) /gm)].map(([, type, outcome]) => [
    type,
    outcome,
  ])
  assert.deepEqual(Object.fromEntries(described), EVENT_TYPES)
})
