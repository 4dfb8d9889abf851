import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { disableAccount } from '../../src/accounts/account-status-store.ts'
import {
  deleteOldDeviceLinks,
  findDeviceLinkRequest,
  noteDeviceLinkRequest,
  settleDeviceLinkRequest,
} from '../../src/accounts/device-link-store.ts'
import type { EmailAddress } from '../../src/email/address.ts'
import { LIMITS } from '../../src/limits/limits.ts'
import { DATABASES, type DatabaseKind, shiftClock } from '../support/database.ts'
import { confirmedAtOnce, makersOf } from '../support/genuine-secrets.ts'
import { newAddress, PASSWORD, send, startTestService, type TestService } from '../support/service.ts'
import { lettersIn } from '../support/sink-letters.ts'
import { openSmtpSink } from '../support/smtp-sink.ts'

const NOBODYS = 'x'.repeat(2_000) // too long for a password, and so refused without being hashed
const ON = { AUTH_RATE_LIMITS: 'on', AUTH_TRUST_PROXY: '127.0.0.1,::1' }
const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin' }

const signInAt = ({ url }: TestService, body: object) =>
  send(`${url}/v1/sessions`, { json: { password: PASSWORD, ...body } })
const makeKnown = ({ url }: TestService, token: string) => send(`${url}/v1/device-tokens`, { json: { token } })

/** A service whose time is the test's. */
async function startWithClock(kind: DatabaseKind, env: Record<string, string> = {}) {
  let ahead = 0 // milliseconds
  const now = () => Date.now() + ahead
  const test = await startTestService(kind, { env: { ...ON, ...env }, now })
  const elapse = async (seconds: number) => {
    ahead += seconds * 1_000
    await shiftClock(test.service.database, ahead / 1_000)
  }
  return { ...test, now, elapse }
}

/** Guesses at an address until its limit for one network refuses. */
async function block(service: TestService, email: string) {
  for (let count = 0; count <= LIMITS.sign_in_by_address_and_network.burst; count++)
    await signInAt(service, { email, password: NOBODYS })
}

const linkIn = ({ text }: { text: string }) => /https?:\/\/\S+\/device\?token=\S+/.exec(text)?.[0]
const tokenOf = (letter: { text: string }) => new URL(linkIn(letter)!).searchParams.get('token')!

/** The device links that were sent to an address, the newest first. */
const linksTo = async (service: TestService, email: string) =>
  (await service.service.mailbox!.messages({ to: email })).filter(linkIn)

/** Waits until that many device links were sent to an address. */
async function waitForLinks(service: TestService, email: string, count: number) {
  for (const deadline = Date.now() + 15_000; ; await pause(10)) {
    const links = await linksTo(service, email)
    if (links.length >= count) return links
    if (Date.now() > deadline) throw new Error(`${links.length} of ${count} device links to ${email} were sent in 15 s`)
  }
}

/** The id of the latest request for a device link. */
const requestOf = async ({ service }: TestService, email: string) =>
  (
    await service.database
      .selectFrom('device_link')
      .select(['request_id', 'requested_at', 'account_id'])
      .where('email', '=', email)
      .executeTakeFirst()
  )?.request_id

for (const kind of DATABASES)
  describe(`when guesses have blocked sign-in, on ${kind},`, () => {
    test('[R09] a link makes one device known, though 50 use it at once, and nothing a minute later', async () => {
      await using service = await startWithClock(kind)
      const { email } = await confirmedAtOnce(service)
      await block(service, email)
      const [letter] = await waitForLinks(service, email, 1)
      await waitForSettled(service) // the email is there before it is recorded as sent
      assert.match(letter!.text, /^Sign-in to Auth service from new devices is paused: /)
      const answers = await Promise.all(Array.from({ length: 50 }, () => makeKnown(service, tokenOf(letter!))))
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]))
      assert.equal(new Set(answers.map(({ body }) => body.device_token)).size, 1)
      await service.elapse(61)
      const late = await makeKnown(service, tokenOf(letter!))
      assert.deepEqual([late.status, late.body.code], [404, 'device_link_unusable'])
      const events = await service.service.database
        .selectFrom('audit_event')
        .select(['type', 'email'])
        .where('type', 'like', 'device_link.%' as never)
        .orderBy('id')
        .execute()
      assert.deepEqual(events, [
        { type: 'device_link.sent', email },
        { type: 'device_link.used', email },
      ])
    })

    test('[R09] the link of one account is worth nothing for another, and no session starts without the password', async () => {
      await using service = await startTestService(kind)
      const [own, other] = [(await confirmedAtOnce(service)).email, (await confirmedAtOnce(service)).email]
      for (const email of [own, other]) await block(service, email)
      const { status, body } = await makeKnown(service, tokenOf((await waitForLinks(service, own, 1))[0]!))
      assert.deepEqual([status, Object.keys(body)], [201, ['device_token']])
      assert.equal((await signInAt(service, { email: other, ...body })).status, 429)
      assert.equal((await signInAt(service, { email: own, ...body, password: 'not the right one' })).status, 401)
      assert.equal((await signInAt(service, { email: own, ...body })).status, 201)
    })

    test('[R10] a link is good for 24 hours from its last email, and repeated after 6 hours while it is needed', async () => {
      await using service = await startWithClock(kind)
      const { email } = await confirmedAtOnce(service)
      await block(service, email)
      await waitForLinks(service, email, 1)
      await service.elapse(5 * 3_600)
      await block(service, email)
      await waitForSettled(service)
      assert.equal((await linksTo(service, email)).length, 1)
      await service.elapse(3_600)
      await block(service, email)
      const [second, first] = await waitForLinks(service, email, 2)
      assert.equal(linkIn(second!), linkIn(first!))
      await waitForSettled(service)
      await service.elapse(24 * 3_600 - 30)
      assert.equal((await send(linkIn(second!)!)).status, 200)
      await service.elapse(60)
      assert.equal((await send(linkIn(second!)!)).status, 404)
      assert.equal((await makeKnown(service, tokenOf(second!))).status, 404)
      assert.equal(await deleteOldDeviceLinks(service.service.database), 0)
      await service.elapse(7 * 86_400)
      assert.equal(await deleteOldDeviceLinks(service.service.database), 1)
    })

    test('the email is tried again until the mail server takes it, and told as failed when that refuses the address', async () => {
      await using sink = await openSmtpSink({ replies: { RCPT: '451 4.3.0 later' } })
      const env = { AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`, AUTH_MAIL_FROM: 'Example <a@example.com>' }
      await using service = await startTestService(kind, { env })
      const accounts = [await confirmedAtOnce(service), await confirmedAtOnce(service)]
      const [later, never] = accounts.map(({ email }) => email) as [string, string]
      await service.service.database.updateTable('account').set({ locale: 'ru' }).where('email', '=', later).execute()
      const events = async (email: string) =>
        service.service.database
          .selectFrom('audit_event')
          .select(['type', 'reason'])
          .where('email', '=', email)
          .where('type', 'in', ['device_link.sent', 'device_link.failed'])
          .execute()
      const eventually = async (email: string) => {
        for (const deadline = Date.now() + 30_000; Date.now() < deadline; await pause(10)) {
          const found = await events(email)
          if (found.length > 0) return found
        }
        throw new Error('the email was neither sent nor given up in 30 s')
      }
      const tries = () => sink.lines.filter(line => line.startsWith('RCPT') && line.includes(later)).length
      const before = tries()
      await block(service, later)
      while (tries() === before) await pause(10)
      assert.deepEqual(await events(later), [])
      sink.replies.RCPT = line => (line.includes(never) ? '550 5.1.1 no such mailbox' : '250 2.1.5 ok')
      assert.deepEqual(await eventually(later), [{ type: 'device_link.sent', reason: null }])
      const letter = (await lettersIn(sink, later)).find(({ text }) => linkIn({ text: text ?? '' }))
      assert.match(letter?.text ?? '', /^Вход в Example с новых устройств приостановлен: для /)
      await block(service, never)
      assert.deepEqual(await eventually(never), [{ type: 'device_link.failed', reason: 'undeliverable' }])
    })

    test('an address that the mail server refused is tried again 6 hours later at the earliest, however much is guessed', async () => {
      await using sink = await openSmtpSink({ replies: { RCPT: '550 5.1.1 no such mailbox' } })
      await using service = await startWithClock(kind, { AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}` })
      const { database } = service.service
      const { email } = await confirmedAtOnce(service)
      const failures = async () => {
        await block(service, email)
        await waitForSettled(service)
        const failed = database.selectFrom('audit_event').select('reason').where('type', '=', 'device_link.failed')
        return (await failed.execute()).map(({ reason }) => reason)
      }
      assert.deepEqual(await failures(), ['undeliverable'])
      await service.elapse(61)
      assert.deepEqual(await failures(), ['undeliverable'])
      await service.elapse(6 * 3_600)
      assert.deepEqual(await failures(), ['undeliverable', 'undeliverable'])
      await service.elapse(-6 * 3_600)
      assert.deepEqual(await failures(), Array(3).fill('undeliverable'), 'the clock was put back')
    })

    test('delivery is given up after 24 hours, though guessing goes on', async () => {
      await using sink = await openSmtpSink({ replies: { RCPT: '451 4.3.0 later' } })
      await using service = await startWithClock(kind, { AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}` })
      const { database } = service.service
      const { email } = await confirmedAtOnce(service)
      const tries = () => sink.lines.filter(line => line.startsWith('RCPT') && line.includes(email)).length
      const before = tries()
      await block(service, email)
      while (tries() === before) await pause(10)
      await service.elapse(24 * 3_600 + 5 * 60)
      assert.equal(await noteDeviceLinkRequest(database, randomUUID(), email as EmailAddress), true)
      await waitForSettled(service)
      const events = database.selectFrom('audit_event').select(['type', 'reason']).where('email', '=', email)
      assert.deepEqual(await events.where('type', 'like', 'device_link.%' as never).execute(), [
        { type: 'device_link.failed', reason: 'given_up' },
      ])
    })

    test('a request that waits in a long queue is not overtaken by the next ones', async () => {
      await using service = await startWithClock(kind)
      const { database } = service.service
      const email = newAddress() as EmailAddress
      const [first, second, third] = [randomUUID(), randomUUID(), randomUUID()]
      assert.equal(await noteDeviceLinkRequest(database, first, email), true)
      assert.equal(await noteDeviceLinkRequest(database, second, email), false, 'within a minute')
      await service.elapse(61)
      assert.equal(await noteDeviceLinkRequest(database, second, email), true)
      assert.ok(await findDeviceLinkRequest(database, first))
      assert.equal(await findDeviceLinkRequest(database, second), undefined)
      await settleDeviceLinkRequest(database, first)
      assert.equal(await findDeviceLinkRequest(database, first), undefined)
      await service.elapse(61)
      assert.equal(await noteDeviceLinkRequest(database, third, email), true)
      assert.ok(await findDeviceLinkRequest(database, third))
      await service.elapse(24 * 3_600 + 5 * 60)
      assert.equal(await noteDeviceLinkRequest(database, second, email), true)
      assert.equal((await findDeviceLinkRequest(database, third))?.isOverdue, true)
      await service.elapse(10 * 60 + 1) // nobody has dealt with it
      assert.equal(await noteDeviceLinkRequest(database, second, email), true)
      assert.equal(await findDeviceLinkRequest(database, third), undefined)
    })

    test('a request that was noted while the clock of the database was a month ahead does not silence the next ones', async () => {
      await using service = await startWithClock(kind)
      const { database } = service.service
      const email = newAddress() as EmailAddress
      await service.elapse(30 * 86_400)
      assert.equal(await noteDeviceLinkRequest(database, randomUUID(), email), true)
      await service.elapse(-30 * 86_400)
      assert.equal(await noteDeviceLinkRequest(database, randomUUID(), email), true)
      assert.equal(await noteDeviceLinkRequest(database, randomUUID(), email), false, 'within a minute')
    })

    test('no email goes to an account that is disabled', async () => {
      await using service = await startTestService(kind)
      const { id, email } = await confirmedAtOnce(service)
      await disableAccount(service.service.database, id)
      await block(service, email)
      await waitForSettled(service)
      assert.ok(await requestOf(service, email))
      assert.equal((await linksTo(service, email)).length, 0)
    })

    test('[R05] opening the link only reads, and the button lets this browser in', async () => {
      await using service = await startWithClock(kind)
      const { email } = await confirmedAtOnce(service)
      await block(service, email)
      const [letter] = await waitForLinks(service, email, 1)
      const page = (cookie = '') =>
        send(`${service.url}/sign-in`, { form: { email, password: PASSWORD }, headers: { ...SAME_ORIGIN, cookie } })
      const shut = await page()
      assert.equal(shut.status, 429)
      assert.match(shut.text, /If it has an account, we have sent it an email with a link/)

      for (let scan = 0; scan < 3; scan++) {
        const opened = await send(linkIn(letter!)!)
        assert.equal(opened.status, 200)
        assert.ok(opened.text.includes(email))
        assert.deepEqual(opened.headers.getSetCookie(), [])
      }
      const another = makersOf(service).devices.make(randomUUID()) // of somebody else who uses this browser
      const press = (headers: Record<string, string>) =>
        send(`${service.url}/device`, {
          form: { token: tokenOf(letter!) },
          headers: { ...headers, cookie: `auth_device_token=${another}` },
        })
      assert.equal((await press({ 'sec-fetch-site': 'cross-site' })).status, 403)
      const allowed = await press(SAME_ORIGIN)
      assert.deepEqual([allowed.status, allowed.headers.get('location')], [303, '/sign-in'])
      const [cookie = ''] = allowed.headers.getSetCookie()
      assert.match(cookie, /^auth_device_token=authsvc_dt_.*; HttpOnly/)
      assert.ok(cookie.includes(`~${another};`), 'the other stays known')
      assert.equal((await page(cookie.split(';', 1)[0])).status, 303)
      await service.elapse(61)
      assert.equal((await press(SAME_ORIGIN)).status, 404)
    })
  })

/** Waits until every message about a blocked sign-in has been dealt with. */
async function waitForSettled({ service: { database } }: TestService) {
  for (const deadline = Date.now() + 15_000; ; await pause(5)) {
    const { rows } = await sql`select 1 from pgboss.job
      where name = 'sign_in.blocked' and state <> 'completed'`.execute(database)
    if (rows.length === 0) return
    if (Date.now() > deadline) throw new Error('a message was not dealt with in 15 s')
  }
}
