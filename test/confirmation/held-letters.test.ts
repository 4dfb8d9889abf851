import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { accountCreated } from '../../src/accounts/messages.ts'
import { releaseHeldLetters } from '../../src/confirmation/letters/letter-limits.ts'
import { inTransaction } from '../../src/storage/database.ts'
import { DATABASES, shiftClock } from '../support/database.ts'
import {
  newAddress,
  type SignedUp,
  send,
  signUp,
  startTestService,
  type TestService,
  tokenIn,
} from '../support/service.ts'
import { settled } from '../support/settled.ts'
import { lettersIn } from '../support/sink-letters.ts'
import { openSmtpSink, type SmtpSink } from '../support/smtp-sink.ts'

const AN_HOUR = 5 // letters of sign-ups to one address
const SIGN_UPS = AN_HOUR + 3
const DAY = 86_400 // seconds
const LATER = '451 4.3.0 later'

for (const kind of DATABASES)
  describe(`a held letter, on ${kind}`, { concurrency: 2 }, () => {
    const serviceBehind = (sink: SmtpSink) =>
      startTestService(kind, { env: { AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}` } })

    async function signUpOften(service: TestService, email: string): Promise<SignedUp[]> {
      const accounts: SignedUp[] = []
      for (let count = 0; count < SIGN_UPS; count++) accounts.push(await signUp(service, { email }))
      return accounts
    }

    const statusOf = async ({ url }: TestService, { ticket }: SignedUp) =>
      (await send(`${url}/v1/confirmation`, { headers: { authorization: `Bearer ${ticket}` } })).body
    const statesOf = async (service: TestService, accounts: SignedUp[]): Promise<string[]> =>
      Promise.all(accounts.map(async account => (await statusOf(service, account)).state))

    const attemptsAt = (sink: SmtpSink) => sink.lines.filter(line => line.startsWith('RCPT')).length

    /** Waits until so many letters, held or not, have been tried and are to be tried again. */
    async function untilFailed(service: TestService, letters: number): Promise<void> {
      const failures = () => service.log().matchAll(/"job":"([^"]+)".*"a message will come again"/g)
      while (new Set([...failures()].map(([, job]) => job)).size < letters) await pause(20)
    }

    /** Waits until all tickets show the same, which is what they are to show in the end. */
    async function untilAll(service: TestService, accounts: SignedUp[], state: string): Promise<void> {
      for (const deadline = Date.now() + 60_000; ; await pause(50)) {
        const states = await statesOf(service, accounts)
        if (states.every(each => each === state)) return
        if (Date.now() > deadline) throw new Error(`not all are ${state} after a minute: ${states}`)
      }
    }

    test('is queued like the others while the mail server defers letters to its mailbox, and then sent like them', async () => {
      await using sink = await openSmtpSink({ replies: { RCPT: LATER } })
      await using service = await serviceBehind(sink)
      const accounts = await signUpOften(service, newAddress())
      while (attemptsAt(sink) < 2 * AN_HOUR) await pause(20)
      assert.deepEqual(new Set(await statesOf(service, accounts)), new Set(['queued']))
      sink.replies.RCPT = '250 2.1.5 ok'
      await untilAll(service, accounts, 'sent')
      assert.equal(sink.letters.length, AN_HOUR)
    })

    test('does not sign in to the mail server to be queued like the last one, which it deferred', async () => {
      await using sink = await openSmtpSink({ replies: { RCPT: LATER } })
      await using service = await serviceBehind(sink)
      const email = newAddress()
      for (let count = 0; count < AN_HOUR; count++) await signUp(service, { email })
      await untilFailed(service, AN_HOUR)
      const before = sink.connections
      const held = 2 * AN_HOUR // emails that are tried again open no more than AN_HOUR connections
      for (let count = 1; count <= held; count++) {
        await signUp(service, { email })
        await untilFailed(service, AN_HOUR + count)
      }
      assert.ok(sink.connections - before < held, `${sink.connections - before} connections`)
    })

    test('is undeliverable like the others where the mail server refuses the address', async () => {
      await using sink = await openSmtpSink({ replies: { RCPT: '550 5.1.1 no such user' } })
      await using service = await serviceBehind(sink)
      const accounts = await signUpOften(service, newAddress())
      await untilAll(service, accounts, 'undeliverable')
      assert.equal(attemptsAt(sink), AN_HOUR)
    })

    test('is undeliverable where the mail server refuses the address, though it takes letters to a variant', async () => {
      const email = newAddress()
      const reply = (line: string) => (line.includes(email) ? '550 5.1.1 no such user' : undefined)
      await using sink = await openSmtpSink({ replies: { RCPT: reply } })
      await using service = await serviceBehind(sink)
      const accounts = await signUpOften(service, email)
      await untilAll(service, accounts, 'undeliverable')
      await untilAll(service, [await signUp(service, { email: email.replace('@', '+tag@') })], 'sent')
      await untilAll(service, [await signUp(service, { email })], 'undeliverable')
      assert.equal(attemptsAt(sink), AN_HOUR + 1)
    })

    for (const reply of ['552 5.2.2 mailbox full', '550 5.7.1 no'] as const)
      test(`is sent though another mailbox is refused by ${reply}, whose letters are all queued`, async () => {
        const [email, refused] = [newAddress(), newAddress('full')]
        await using sink = await openSmtpSink({
          replies: { RCPT: line => (line.includes(refused) ? reply : undefined) },
        })
        await using service = await serviceBehind(sink)
        for (let count = 0; count < AN_HOUR; count++) await signUp(service, { email })
        while (sink.letters.length < AN_HOUR) await pause(20)
        const others = await signUpOften(service, refused)
        while (attemptsAt(sink) < 3 * AN_HOUR) await pause(20)
        await untilAll(service, [await signUp(service, { email })], 'sent')
        assert.equal(sink.letters.length, AN_HOUR)
        assert.deepEqual(new Set(await statesOf(service, others)), new Set(['queued']))
      })

    test('takes no place of those that the mail server gets', async () => {
      await using sink = await openSmtpSink()
      await using service = await serviceBehind(sink)
      const flooded = newAddress()
      for (let count = 0; count < AN_HOUR; count++) await signUp(service, { email: flooded })
      await settled(service)

      sink.replies.EHLO = 'silence' // what is held waits until the server answers; what is sent has a connection
      const held = 30
      await copySignUps(service, flooded, held)
      const owner = await signUp(service)
      while ((await lettersIn(sink, owner.email)).length === 0) await pause(20)
      const { rows } = await sql<{ state: string; retries: number; count: number }>`
        select state, retry_count as retries, count(*)::int as count from pgboss.job
        where name = ${accountCreated.name} and state in ('created', 'active', 'retry')
          and data->>'account_id' <> ${owner.id} group by 1, 2`.execute(service.service.database)
      assert.deepEqual(rows, [{ state: 'active', retries: 0, count: held }], 'they are held meanwhile')
      await sink.close()
    })

    test('is queued like any other while the mail server is away', async () => {
      const sink = await openSmtpSink()
      await using service = await serviceBehind(sink)
      const email = newAddress()
      const first = await signUpOften(service, email)
      await untilAll(service, first, 'sent')
      await sink.close()
      const held = await signUp(service, { email }) // before any other letter has met that
      while (!service.log().includes('a message will come again')) await pause(20)
      const elsewhere = await signUp(service)
      while (service.log().split('a message will come again').length < 4) await pause(20)
      assert.deepEqual(await statesOf(service, [elsewhere, held]), ['queued', 'queued'])
      await using _ = await openSmtpSink({ port: sink.port })
      await untilAll(service, [elsewhere, held], 'sent')
    })

    test('is given up like the others after 48 hours, as its ticket shows', async () => {
      await using sink = await openSmtpSink({ replies: { RCPT: LATER } })
      await using service = await serviceBehind(sink)
      const accounts = await signUpOften(service, newAddress())
      await untilFailed(service, SIGN_UPS)
      const { database } = service.service
      await shiftClock(database, 2 * DAY + 60)
      await sql`update pgboss.job set start_after = now() where state = 'retry'`.execute(database) // pauses are of the real clock
      await untilAll(service, accounts, 'undeliverable')
    })

    test('shows the same times for good, and its link is good from its sending', async () => {
      await using sink = await openSmtpSink()
      await using service = await serviceBehind(sink)
      const { database } = service.service
      const email = newAddress()
      const accounts = await signUpOften(service, email)
      await untilAll(service, accounts, 'sent')
      const shown = await Promise.all(accounts.map(account => statusOf(service, account)))
      await shiftClock(database, DAY - 60)
      await releaseHeldLetters(service.service)
      await settled(service)
      assert.equal((await lettersIn(sink, email)).length, SIGN_UPS)
      assert.deepEqual(await Promise.all(accounts.map(account => statusOf(service, account))), shown)
      await shiftClock(database, DAY + 3_600)
      assert.deepEqual(new Set(await statesOf(service, accounts)), new Set(['expired']))
      const { ticket } = accounts.at(-1)!
      const confirming = await Promise.all(
        (await lettersIn(sink, email)).map(letter =>
          send(`${service.url}/v1/confirmations`, { json: { token: tokenIn(letter), ticket } }),
        ),
      )
      assert.ok(confirming.some(({ status }) => status === 200))
    })
  })

/** Signs up again with an address that has an account, many times in one transaction. */
async function copySignUps({ service: { database, queue } }: TestService, email: string, count: number): Promise<void> {
  await inTransaction(database, async transaction => {
    const { rows } = await sql<{ id: string }>`
      insert into account (id, email, password_phc, password_pepper, password_version, locale, signed_up_from)
      select gen_random_uuid(), email, password_phc, password_pepper, password_version, locale, signed_up_from
      from (select * from account where email = ${email} limit 1) as one, generate_series(1, ${count}::int)
      returning id`.execute(transaction)
    for (const { id } of rows) await queue.send(transaction, accountCreated, { account_id: id })
  })
}
