import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { DATABASES, shiftClock } from '../support/database.ts'
import {
  type Answer,
  confirmedAccount,
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

for (const kind of DATABASES) {
  describe(`nobody learns who has an account on ${kind} [R01]`, () => {
    let service: TestService
    let addresses: Record<'unknown' | 'unconfirmed' | 'confirmed', string>
    before(async () => {
      service = await startTestService(kind)
      addresses = {
        unknown: newAddress(),
        unconfirmed: (await signUp(service, { email: newAddress() })).email,
        confirmed: (await confirmedAccount(service, { email: newAddress() })).email,
      }
    })
    after(() => service[Symbol.asyncDispose]())

    /** An answer without what differs between any two: ids, times, tickets, the address itself. */
    const visible = ({ status, headers, text }: Answer) => ({
      status,
      headers: Object.fromEntries(
        [...headers].filter(([name]) => !['date', 'x-request-id', 'set-cookie', 'content-length'].includes(name)),
      ),
      cookies: headers.getSetCookie().map(cookie => cookie.replace(/=authsvc_[^;]*/, '=…')),
      text: text
        .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
        .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
        .replace(/authsvc_ct_[\w.-]+/g, 'TICKET')
        .replace(/ann\.[0-9a-f]{8}@example\.com/g, 'ADDRESS'),
    })

    async function assertAlike(ask: (email: string) => Promise<Answer>, status: number) {
      const expected = visible(await ask(addresses.unknown))
      assert.equal(expected.status, status)
      assert.deepEqual(visible(await ask(addresses.unconfirmed)), expected, 'unconfirmed')
      assert.deepEqual(visible(await ask(addresses.confirmed)), expected, 'confirmed')
    }

    test('signing in with a wrong password answers alike', () =>
      assertAlike(email => send(`${service.url}/v1/sessions`, { json: { email, password: 'another password' } }), 401))

    test('an unconfirmed account answers to its right password like an unknown address [R03]', async () => {
      const right = await send(`${service.url}/v1/sessions`, {
        json: { email: addresses.unconfirmed, password: PASSWORD },
      })
      const unknown = await send(`${service.url}/v1/sessions`, { json: { email: newAddress(), password: PASSWORD } })
      assert.deepEqual(visible(right), visible(unknown))
    })

    test('asking for a letter answers alike', () =>
      assertAlike(email => send(`${service.url}/v1/confirmation-letters`, { json: { email } }), 202))

    test('signing up answers alike', () =>
      assertAlike(email => send(`${service.url}/v1/accounts`, { json: { email, password: PASSWORD } }), 201))

    test('the pages answer alike', async () => {
      const own = { origin: service.url }
      const form = (path: string) => (email: string) =>
        send(`${service.url}${path}`, { form: { email, password: 'another password' }, headers: own })
      await assertAlike(form('/sign-up'), 303)
      await assertAlike(form('/sign-in'), 401)
      await assertAlike(form('/confirm/letter'), 202)
    })

    test('each sign-in costs one hash, whoever has the address [R02]', async () => {
      const { counters } = await countHashes()
      assert.deepEqual(counters, { unknown: 1, unconfirmed: 1, confirmed: 1 })
    })

    async function countHashes() {
      const started = () => service.service.hashing.started
      const counters: Record<string, number> = {}
      for (const [state, email] of Object.entries(addresses)) {
        const before = started()
        await send(`${service.url}/v1/sessions`, { json: { email, password: 'another password' } })
        counters[state] = started() - before
      }
      return { counters }
    }

    test('the owner of a known address is told by mail, and nobody else', async () => {
      const owner = await confirmedAccount(service)
      await signUp(service, { email: owner.email, password: 'the attacker chose this' })
      const [letter] = await lettersTo(service, owner.email, 2)
      assert.match(letter!.subject, /You have an account/)
      assert.ok(!letter!.text.includes('/confirm?token='))
      assert.match(letter!.text, /\/sign-in/)
    })

    test('an unknown address gets no letter when somebody asks for one', async () => {
      const email = newAddress()
      await send(`${service.url}/v1/confirmation-letters`, { json: { email } })
      const later = await signUp(service)
      await lettersTo(service, later.email)
      assert.deepEqual(await service.service.mailbox!.messages({ to: email }), [])
    })

    for (const first of ['attacker', 'victim'])
      test(`the ticket of an attacker shows the same before and after the owner has confirmed, the ${first} being first`, async () => {
        const courses = []
        for (const isConfirmed of [false, true]) {
          const email = newAddress()
          const attackersPassword = 'the attacker chose this'
          const attackerFirst = first === 'attacker' && (await signUp(service, { email, password: attackersPassword }))
          const victim = await signUp(service, { email })
          const attacker = attackerFirst || (await signUp(service, { email, password: attackersPassword }))
          const letters = await lettersTo(service, email, 2)
          if (isConfirmed) await confirmAs(victim, letters.map(tokenIn))
          courses.push(await courseOf(attacker))
        }
        assert.deepEqual(courses[1], courses[0])
        assert.deepEqual(
          courses[0]!.answers.map(({ status }) => status),
          [200, 404, 202, 200, 202, 200, 401],
        )
      })

    /** Only the victim's own letter fits the victim's ticket. */
    async function confirmAs(account: SignedUp, tokens: string[]) {
      const answers = await Promise.all(
        tokens.map(token => send(`${service.url}/v1/confirmations`, { json: { token, ticket: account.ticket } })),
      )
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 403])
    }

    /** Everything that an attacker can ask with the ticket and the password of the own sign-up. */
    async function courseOf({ email, ticket, password }: SignedUp) {
      const status = () => send(`${service.url}/v1/confirmation`, { headers: { authorization: `Bearer ${ticket}` } })
      const early = await untilSent(status)
      const answers = [
        early,
        await send(`${service.url}/v1/confirmations`, { json: { token: 'authsvc_lt_k1.guessed', ticket } }),
        await send(`${service.url}/v1/confirmation-letters`, { json: { ticket } }),
      ]
      await lettersTo(service, email, 3)
      const byTicket = await untilSent(status)
      await shiftClock(service.service.database, 61) // an account gets one repeated letter a minute
      answers.push(byTicket, await send(`${service.url}/v1/confirmation-letters`, { json: { email } }))
      await lettersTo(service, email, 4)
      const byAddress = await untilSent(status)
      await shiftClock(service.service.database, 0)
      answers.push(byAddress, await send(`${service.url}/v1/sessions`, { json: { email, password } }))
      return {
        answers: answers.map(visible),
        isNewLetterByTicket: byTicket.body.sent_at !== early.body.sent_at,
        isNewLetterByAddress: byAddress.body.sent_at !== byTicket.body.sent_at,
      }
    }

    async function untilSent(status: () => Promise<Answer>): Promise<Answer> {
      for (let tries = 0; ; tries++) {
        const answer = await status()
        if (answer.body.state === 'sent' || tries > 500) return answer
      }
    }
  })
}
