import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { deleteOutlived } from '../../src/housekeeping.ts'
import { DATABASES, shiftClock } from '../support/database.ts'
import { confirmedAtOnce, letterTokenOf } from '../support/genuine-secrets.ts'
import {
  lettersTo,
  newAddress,
  PASSWORD,
  type SignedUp,
  send,
  signUp,
  startTestService,
  type TestService,
  tokenIn,
} from '../support/service.ts'
import { settled } from '../support/settled.ts'

const HOUR = 3_600
const DAY = 24 * HOUR

for (const kind of DATABASES) {
  describe(`confirming on ${kind}`, () => {
    let service: TestService
    before(async () => {
      service = await startTestService(kind)
    })
    after(() => service[Symbol.asyncDispose]())

    const confirm = (json: object) => send(`${service.url}/v1/confirmations`, { json })
    const statusOf = ({ ticket }: Pick<SignedUp, 'ticket'>) =>
      send(`${service.url}/v1/confirmation`, { headers: { authorization: `Bearer ${ticket}` } })

    async function signedUpWithLetter(email = newAddress()) {
      const account = await signUp(service, { email })
      const [letter] = await lettersTo(service, email)
      await settled(service) // until it is recorded as sent, on the clock of its sending
      return { ...account, token: tokenIn(letter!) }
    }

    /** Runs while the clock that lifetimes follow is that many seconds ahead. */
    async function later(seconds: number, run: () => Promise<void>) {
      await shiftClock(service.service.database, seconds)
      try {
        await run()
      } finally {
        await shiftClock(service.service.database, 0)
      }
    }

    test('the ticket proves the sign-up, and so does the password', async () => {
      const [one, other] = [await signedUpWithLetter(), await signedUpWithLetter()]
      assert.equal((await confirm({ token: one.token, ticket: one.ticket })).status, 200)
      assert.equal((await confirm({ token: other.token, password: PASSWORD })).status, 200)
    })

    test('confirming again gives the same answer, with either proof, also after expiry [R06]', async () => {
      const { token, ticket } = await signedUpWithLetter()
      const first = await confirm({ token, ticket })
      assert.deepEqual((await confirm({ token, ticket })).body, first.body)
      assert.deepEqual((await confirm({ token, password: PASSWORD })).body, first.body)
      await later(3 * DAY, async () => {
        const again = await confirm({ token, ticket })
        assert.deepEqual([again.status, again.body], [200, first.body])
      })
    })

    test('fifty parallel confirmations change the state once [R89]', async () => {
      const { token, ticket } = await signedUpWithLetter()
      const answers = await Promise.all(Array.from({ length: 50 }, () => confirm({ token, ticket })))
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
      assert.equal(new Set(answers.map(({ body }) => body.confirmed_at)).size, 1)
    })

    test('an unknown token is told first, whatever else is wrong', async () => {
      const { token, ticket } = await signedUpWithLetter()
      const forged = token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A')
      for (const json of [
        { token: forged },
        { token: forged, ticket },
        { token: forged, ticket, password: PASSWORD },
        { token: '' },
        { token: ticket, ticket },
      ]) {
        const { status, body } = await confirm(json)
        assert.deepEqual([status, body.code], [404, 'confirmation_unknown'], JSON.stringify(json))
      }
    })

    test('then both proofs, then none, then a wrong one', async () => {
      const { token, ticket } = await signedUpWithLetter()
      const other = await signUp(service)
      const cases = [
        [{ token, ticket, password: PASSWORD }, 422, 'invalid_request'],
        [{ token }, 403, 'proof_required'],
        [{ token, ticket: other.ticket }, 403, 'proof_wrong'],
        [{ token, ticket: 'garbled' }, 403, 'proof_wrong'],
        [{ token, password: 'not the password' }, 403, 'proof_wrong'],
        [{ token, password: '' }, 403, 'proof_wrong'],
        [{ token, password: 'x'.repeat(2_000) }, 403, 'proof_wrong'],
      ] as const
      for (const [json, status, code] of cases) {
        const answer = await confirm(json)
        assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(json).slice(0, 99))
      }
      const { body } = await confirm({ token, ticket, password: PASSWORD })
      assert.deepEqual(
        body.errors.map(({ pointer, code }: { pointer: string; code: string }) => `${pointer} ${code}`),
        ['/password not_allowed'],
      )
      assert.equal((await statusOf({ ticket })).body.state, 'sent', 'none of it has confirmed anything')
    })

    test('a wrong proof is told before expiry and before being overtaken', async () => {
      const email = newAddress()
      const { token } = await signedUpWithLetter(email)
      const winner = await signUp(service, { email })
      const winning = tokenIn((await lettersTo(service, email, 2))[0]!)
      assert.equal((await confirm({ token: winning, ticket: winner.ticket })).status, 200)
      assert.equal((await confirm({ token, ticket: winner.ticket })).body.code, 'proof_wrong')
      await later(2 * DAY, async () => {
        assert.equal((await confirm({ token, ticket: winner.ticket })).body.code, 'proof_wrong')
        const overtaken = await confirm({ token, password: PASSWORD })
        assert.deepEqual([overtaken.status, overtaken.body.code], [409, 'confirmation_superseded'])
      })
    })

    test('a sign-up that came after the confirmation of its address confirms nothing', async () => {
      const { email } = await confirmedAtOnce(service)
      const late = await signUp(service, { email })
      const token = await letterTokenOf(service, late.id)
      const refused = await confirm({ token, ticket: late.ticket })
      assert.deepEqual([refused.status, refused.body.code], [409, 'confirmation_superseded'])
    })

    test('a link is good for 24 hours from its sending, to the second [R10]', async () => {
      const { token, ticket } = await signedUpWithLetter()
      const { body } = await statusOf({ ticket })
      assert.equal(Date.parse(body.expires_at) - Date.parse(body.sent_at), DAY * 1_000)
      const age = (Date.now() - Date.parse(body.sent_at)) / 1_000
      await later(DAY + 5 - age, async () => {
        const late = await confirm({ token, ticket })
        assert.deepEqual([late.status, late.body.code], [410, 'confirmation_expired'])
        assert.equal((await statusOf({ ticket })).body.state, 'expired')
      })
      await later(DAY - 30 - age, async () => {
        assert.equal((await confirm({ token, ticket })).status, 200)
      })
    })

    test('another letter has a link of its own, and the earlier link stays good', async () => {
      const { email, token, ticket } = await signedUpWithLetter()
      for (const [index, json] of [{ ticket }, { email }].entries())
        await later(index * 61, async () => {
          const { status, body } = await send(`${service.url}/v1/confirmation-letters`, { json })
          assert.deepEqual([status, body], [202, {}])
          await lettersTo(service, email, 2 + index)
        })
      const letters = await lettersTo(service, email, 3)
      const tokens = new Set(letters.map(tokenIn))
      assert.equal(tokens.size, 3)
      assert.equal((await confirm({ token, ticket })).status, 200)
      for (const each of tokens) assert.equal((await confirm({ token: each, ticket })).status, 200)
    })

    test('another letter after the link has expired confirms', async () => {
      const { email, ticket } = await signedUpWithLetter()
      await later(2 * DAY, async () => {
        assert.equal((await statusOf({ ticket })).body.state, 'expired')
        await send(`${service.url}/v1/confirmation-letters`, { json: { ticket } })
        const [letter] = await lettersTo(service, email, 2)
        assert.equal((await confirm({ token: tokenIn(letter!), ticket })).status, 200)
      })
    })

    test('asking for a letter takes either a ticket or an address', async () => {
      const { ticket, email } = await signUp(service)
      const ask = (json: object) => send(`${service.url}/v1/confirmation-letters`, { json })
      for (const [json, pointer, code] of [
        [{}, '', 'not_allowed'],
        [{ ticket, email }, '', 'not_allowed'],
        [{ ticket: 'garbled' }, '/ticket', 'wrong_format'],
        [{ email: 'not an address' }, '/email', 'email_invalid'],
      ] as const) {
        const { status, body } = await ask(json)
        const [fault] = body.errors
        assert.deepEqual([status, body.code, fault.pointer, fault.code], [422, 'invalid_request', pointer, code])
        assert.notEqual(fault.detail, '')
      }
    })

    test('the status follows the confirmation, for the holder of the ticket alone', async () => {
      const { token, ticket } = await signedUpWithLetter()
      const sent = await statusOf({ ticket })
      assert.deepEqual(Object.keys(sent.body), ['state', 'sent_at', 'expires_at'])
      assert.equal(sent.body.state, 'sent')
      await confirm({ token, ticket })
      assert.equal((await statusOf({ ticket })).body.state, 'confirmed')
      for (const wrong of ['', 'x', token, `${ticket}x`]) {
        const { status, body } = await statusOf({ ticket: wrong })
        assert.deepEqual([status, body.code], [401, 'invalid_ticket'], wrong)
      }
    })

    test('a sign-up whose letter has not even been noted is queued', async () => {
      const account = await signedUpWithLetter()
      await sql`delete from confirmation_letter where account_id = ${account.id}`.execute(service.service.database)
      assert.deepEqual((await statusOf(account)).body, { state: 'queued', sent_at: null, expires_at: null })
    })

    test('an account that nobody confirms is gone after 7 days, and signing up again works [R23]', async () => {
      const email = newAddress()
      const { token, ticket } = await signedUpWithLetter(email)
      const confirmed = await signedUpWithLetter()
      await confirm({ token: confirmed.token, ticket: confirmed.ticket })
      await later(7 * DAY + 60, async () => {
        await deleteOutlived({ database: service.service.database, auditRetention: 90 * DAY })
        assert.equal((await confirm({ token, ticket })).body.code, 'confirmation_unknown')
        assert.deepEqual((await statusOf({ ticket })).body, { state: 'expired', sent_at: null, expires_at: null })
        assert.equal((await statusOf(confirmed)).body.state, 'confirmed', 'a confirmed one stays')
      })
      const again = await signUp(service, { email })
      const [letter] = await lettersTo(service, email, 2)
      assert.equal((await confirm({ token: tokenIn(letter!), ticket: again.ticket })).status, 200)
    })
  })
}
