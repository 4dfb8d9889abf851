import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { v7 as uuidv7 } from 'uuid'
import { allowWaitingLettersTo, letWait } from '../../src/confirmation/letters/letter-limit-store.ts'
import { allowWaitingLetters } from '../../src/confirmation/letters/letter-limits.ts'
import { ensureSignUpLetter } from '../../src/confirmation/letters/letter-store.ts'
import { inTransaction } from '../../src/storage/database.ts'
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

const HOUR = 3_600 // seconds
const AN_HOUR = 5 // letters to one address
const A_DAY = 10

for (const kind of DATABASES)
  describe(`the limits of letters, on ${kind}`, () => {
    const ask = ({ url }: TestService, body: object) => send(`${url}/v1/confirmation-letters`, { json: body })
    const countTo = async ({ service }: TestService, to: string) => (await service.mailbox!.messages({ to })).length
    const stateOf = async ({ url }: TestService, ticket: string) =>
      (await send(`${url}/v1/confirmation`, { headers: { authorization: `Bearer ${ticket}` } })).body.state

    /** Waits until every message has been handled. */
    async function settled({ service }: TestService): Promise<void> {
      for (;;) {
        const { rows } = await sql<{ open: number }>`
          select count(*)::int as open from pgboss.job where name not like '\\_\\_%' and state in ('created', 'active', 'retry')`.execute(
          service.database,
        )
        if (rows[0]!.open === 0) return
        await pause(20)
      }
    }

    test('[R14] However often a letter is asked for, an address gets five an hour and ten a day, and the answers are alike', async () => {
      await using service = await startTestService(kind)
      const accounts = [await signUp(service), await confirmedAccount(service), { email: newAddress(), ticket: '' }]
      for (const { email } of accounts) {
        const answers = []
        for (let hour = 0; hour < 3; hour++) {
          await shiftClock(service.service.database, hour * HOUR * 1.01)
          for (let minute = 0; minute < 7; minute++) {
            await shiftClock(service.service.database, hour * HOUR * 1.01 + minute * 61)
            answers.push(await ask(service, { email }), await ask(service, { email }))
            await settled(service)
          }
          const expected = email === accounts[2]!.email ? 0 : Math.min(AN_HOUR * (hour + 1), A_DAY)
          assert.equal(await countTo(service, email), expected)
        }
        assert.deepEqual(new Set(answers.map(({ status, text }) => `${status} ${text}`)), new Set(['202 {}']))
        await shiftClock(service.service.database, 0)
      }
    })

    test('An account gets one repeated letter a minute, and its first one is not held up by that of the sign-up', async () => {
      await using service = await startTestService(kind)
      const { email, ticket } = await signUp(service)
      for (let count = 0; count < 5; count++) await ask(service, count % 2 ? { ticket } : { email })
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
        await ensureSignUpLetter(database, letter, account)
        return letter
      }
      const letGo = (inHand?: string) =>
        inTransaction(database, transaction => allowWaitingLettersTo(transaction, email, inHand))
      const [one, other] = [await noteSignUp(), await noteSignUp()]
      assert.deepEqual(await letGo(one), [one])
      assert.deepEqual(await letGo(), [])
      await inTransaction(database, transaction => letWait(transaction, other))
      assert.deepEqual(await letGo(), [other])
      assert.deepEqual(await letGo(other), [])
    })

    test('The letter of a sign-up waits for its turn, which a flood from another network does not take away', async () => {
      const env = { AUTH_TRUST_PROXY: '127.0.0.1,::1' }
      await using service = await startTestService(kind, { env })
      const { service: parts, url } = service
      const email = newAddress()
      const signUpFrom = async (network: string) => {
        const json = { email, password: PASSWORD }
        const answer = await send(`${url}/v1/accounts`, { json, headers: { 'x-forwarded-for': network } })
        assert.equal(answer.status, 201)
        await settled(service)
        return answer.body.confirmation.ticket as string
      }
      for (let count = 0; count < AN_HOUR + 3; count++) await signUpFrom('192.0.2.1')
      const ticket = await signUpFrom('198.51.100.1')
      assert.equal(await countTo(service, email), AN_HOUR)
      assert.equal(await stateOf(service, ticket), 'queued')

      await ask(service, { ticket })
      await settled(service)
      assert.equal(await countTo(service, email), AN_HOUR, 'a repeat does not overtake')

      await sql`update confirmation_letter set allowed_at = allowed_at - interval '1 hour'
        where id = (select id from confirmation_letter where allowed_at is not null order by id limit 1)`.execute(
        parts.database,
      )
      await allowWaitingLetters(parts)
      await settled(service)
      assert.equal(await countTo(service, email), AN_HOUR + 1)
      assert.equal(await stateOf(service, ticket), 'sent')

      await shiftClock(parts.database, HOUR + 1)
      await allowWaitingLetters(parts)
      await settled(service)
      assert.equal(await countTo(service, email), AN_HOUR + 4, 'the others get theirs in turn')
    })
  })
