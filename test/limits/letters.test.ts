import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sql } from 'kysely'
import pg from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { recordShown } from '../../src/confirmation/letters/held-letter-store.ts'
import { releaseLettersTo } from '../../src/confirmation/letters/letter-limit-store.ts'
import { releaseHeldLetters } from '../../src/confirmation/letters/letter-limits.ts'
import { ensureSignUpLetters } from '../../src/confirmation/letters/letter-store.ts'
import { errorCode, inTransaction } from '../../src/storage/database.ts'
import { DATABASES, openTestDatabase, shiftClock } from '../support/database.ts'
import {
  confirmedAccount,
  lettersTo,
  newAddress,
  PASSWORD,
  send,
  signUp,
  startTestService,
  type TestService,
} from '../support/service.ts'
import { settled } from '../support/settled.ts'

const HOUR = 3_600 // seconds
const AN_HOUR = 5 // letters to one address
const EXTRA = 1 // an hour, to the newest sign-up from a network that has had none

for (const kind of DATABASES)
  describe(`the limits of letters, on ${kind}`, () => {
    const ask = ({ url }: TestService, body: object) => send(`${url}/v1/confirmation-letters`, { json: body })
    const countTo = async ({ service }: TestService, to: string) => (await service.mailbox!.messages({ to })).length
    const stateOf = async ({ url }: TestService, ticket: string) =>
      (await send(`${url}/v1/confirmation`, { headers: { authorization: `Bearer ${ticket}` } })).body.state

    test('[R14] However often a letter is asked for by address, a mailbox gets three at once and seven a day, and the answers are alike', async () => {
      let ahead = 0 // seconds, of both clocks
      await using service = await startTestService(kind, { now: () => Date.now() + ahead * 1_000 })
      const accounts = [await signUp(service), await confirmedAccount(service), { email: newAddress() }]
      for (const { email } of accounts) {
        await settled(service)
        const before = await countTo(service, email)
        const answers: Awaited<ReturnType<typeof ask>>[] = []
        for (const hour of [0, 5, 6, 13, 23]) {
          ahead = hour * HOUR + 60
          await shiftClock(service.service.database, ahead)
          for (let count = 0; count < 4; count++) answers.push(await ask(service, { email }))
          await settled(service)
          const expected = email === accounts[2]!.email ? 0 : 3 + Math.floor(hour / 6)
          assert.equal((await countTo(service, email)) - before, expected, `after ${hour} hours`)
        }
        assert.deepEqual(new Set(answers.map(({ status, text }) => `${status} ${text}`)), new Set(['202 {}']))
        await shiftClock(service.service.database, 0)
      }
    })

    test('An account gets one repeated letter a minute, and its first one is not held up by that of the sign-up', async () => {
      await using service = await startTestService(kind)
      const { email, ticket } = await signUp(service)
      for (let count = 0; count < 5; count++) await ask(service, { ticket })
      await settled(service)
      assert.equal(await countTo(service, email), 2)
      await shiftClock(service.service.database, 61)
      await ask(service, { ticket })
      await lettersTo(service, email, 3)
    })

    test('A letter that is about to be sent by its own message is not let go by another one as well, which would send it twice', async () => {
      await using opened = await openTestDatabase(kind)
      const { database } = opened
      const email = newAddress()
      const noteSignUp = async () => {
        const [account, letter] = [uuidv7(), uuidv7()]
        await sql`insert into account (id, email, locale, password_phc, password_pepper, password_version, signed_up_from)
          values (${account}, ${email}, 'en', '', '', 1, ${Buffer.alloc(32)})`.execute(database)
        await ensureSignUpLetters(database, [{ id: letter, accountId: account }])
        return letter
      }
      const letGo = (inHand?: string) =>
        inTransaction(database, transaction => releaseLettersTo(transaction, email, inHand))
      const [one, other] = [await noteSignUp(), await noteSignUp()]
      assert.deepEqual(await letGo(one), [one])
      assert.deepEqual(await letGo(), [])
      await recordShown(database, other, 'sent', { lifetime: HOUR, unconfirmedFor: HOUR })
      assert.deepEqual(await letGo(), [other])
      assert.deepEqual(await letGo(other), [])
    })

    const behindProxy = { env: { AUTH_TRUST_PROXY: '127.0.0.1,::1' } }
    async function signUpFrom(service: TestService, network: string, email: string): Promise<string> {
      const json = { email, password: PASSWORD }
      const answer = await send(`${service.url}/v1/accounts`, { json, headers: { 'x-forwarded-for': network } })
      assert.equal(answer.status, 201)
      return answer.body.confirmation.ticket
    }

    /** The housekeeping's part of an hour. @returns how many letters came to an address by then */
    async function pass(service: TestService, hours: number, to: string): Promise<number> {
      await shiftClock(service.service.database, hours * HOUR)
      await releaseHeldLetters(service.service)
      await settled(service)
      return countTo(service, to)
    }

    test('A flood from one network takes five an hour, and the next network gets its letter at once', async () => {
      await using service = await startTestService(kind, behindProxy)
      const email = newAddress()
      for (let count = 0; count < AN_HOUR + 3; count++) await signUpFrom(service, '192.0.2.1', email)
      await settled(service)
      assert.equal(await countTo(service, email), AN_HOUR)
      const ticket = await signUpFrom(service, '198.51.100.1', email)
      await settled(service)
      assert.equal(await countTo(service, email), AN_HOUR + EXTRA)

      await shiftClock(service.service.database, 61)
      await ask(service, { ticket })
      await settled(service)
      assert.equal(await countTo(service, email), AN_HOUR + EXTRA, 'a repeat does not get ahead of the others')
      assert.equal(
        await pass(service, 1.1, email),
        AN_HOUR + 3 + 2,
        'an hour later all are sent, the repeat among them',
      )
    })

    test('+tag variants of one address share thirty letters a day, and what their tickets show does not tell', async () => {
      await using service = await startTestService(kind, behindProxy)
      const name = newAddress().split('@')[0]
      const variants = Array.from({ length: 45 }, (_, index) => `${name}+${index}@example.com`)
      const tickets: string[] = []
      for (const email of variants) tickets.push(await signUpFrom(service, '192.0.2.1', email))
      await settled(service)
      const counts = await Promise.all(variants.map(email => countTo(service, email)))
      assert.equal(
        counts.reduce((sum, count) => sum + count),
        30,
      )
      const states = await Promise.all(tickets.map(ticket => stateOf(service, ticket)))
      assert.deepEqual(new Set(states), new Set(['sent']))
      assert.equal((await signUp(service, { email: `other${name}@example.com` })).email, `other${name}@example.com`)
      await pass(service, 25, '')
      const later = await Promise.all(variants.map(email => countTo(service, email)))
      assert.deepEqual(new Set(later), new Set([1]), 'those that were held come a day later')
    })
  })

test('A mailbox whose held emails somebody locks keeps none of the others waiting, and is itself locked for a moment, on PostgreSQL', async () => {
  await using service = await startTestService('PostgreSQL')
  const { database, queue } = service.service
  const emails = ['a', 'b', 'c'].map(newAddress)
  await sql`with account as (
      insert into account (id, email, locale, password_phc, password_pepper, password_version)
      select gen_random_uuid(), email, 'en', '', '', 1 from unnest(${emails}::text[]) as email returning id, email
    ) insert into confirmation_letter (id, account_id, address, sign_up, waits)
      select gen_random_uuid(), id, email, true, true from account`.execute(database)
  await using opened = new AsyncDisposableStack()
  const holder = new pg.Client({ connectionString: service.databaseUrl! })
  await holder.connect()
  opened.defer(() => holder.end())
  await holder.query('begin')
  await holder.query('select from confirmation_letter where address = $1 for update', [emails[1]])
  await assert.rejects(releaseHeldLetters({ database, queue }), ({ errors }: AggregateError) => {
    assert.deepEqual(errors.map(errorCode), ['55P03']) // lock_not_available, which comes before the statement's own limit
    return true
  })
  await lettersTo(service, emails[0]!)
  await lettersTo(service, emails[2]!)
})
