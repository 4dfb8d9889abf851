import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { DATABASES } from '../support/database.ts'
import {
  lettersTo,
  newAddress,
  type SignedUp,
  send,
  signUp,
  startTestService,
  type TestService,
  tokenIn,
} from '../support/service.ts'

const ATTACKER = 'the attacker chose this'
const VICTIM = 'the victim chose this'

// The class of better-auth CVE-2026-53516 and of "unexpired session" and "trojan identifier" attacks.
for (const kind of DATABASES) {
  describe(`nobody can prepare an account for somebody else on ${kind} [R04]`, () => {
    let service: TestService
    before(async () => {
      service = await startTestService(kind)
    })
    after(() => service[Symbol.asyncDispose]())

    const confirm = (token: string, proof: { ticket: string } | { password: string }) =>
      send(`${service.url}/v1/confirmations`, { json: { token, ...proof } })

    const canSignIn = async (email: string, password: string) =>
      (await send(`${service.url}/v1/sessions`, { json: { email, password } })).status === 201

    /** The tokens of all letters to an address; the victim reads them all and can click any of them. */
    const tokensTo = async (email: string, count: number) => (await lettersTo(service, email, count)).map(tokenIn)

    async function assertVictimWins(order: ('attacker' | 'victim')[]) {
      const email = newAddress()
      const accounts: Record<string, SignedUp> = {}
      for (const who of order)
        accounts[who] = await signUp(service, { email, password: who === 'victim' ? VICTIM : ATTACKER })
      const tokens = await tokensTo(email, order.length)
      assert.equal(await canSignIn(email, ATTACKER), false, 'before anything is confirmed')
      for (const token of tokens) await confirm(token, { ticket: accounts.victim!.ticket })
      for (const token of tokens) await confirm(token, { password: VICTIM })
      assert.equal(await canSignIn(email, VICTIM), true)
      assert.equal(await canSignIn(email, ATTACKER), false)
    }

    test('the victim who signs up after the attacker gets the own account, whichever letters are clicked', () =>
      assertVictimWins(['attacker', 'victim']))

    test('the victim who signs up before the attacker gets the own account, whichever letters are clicked', () =>
      assertVictimWins(['victim', 'attacker']))

    test('an attacker who signs up first and waits gets nothing from a victim who clicks the unasked-for letter [R03]', async () => {
      const email = newAddress()
      const attacker = await signUp(service, { email, password: ATTACKER })
      const [token] = await tokensTo(email, 1)
      // The victim has the token alone, and tries what comes to mind.
      assert.equal((await send(`${service.url}/v1/confirmations`, { json: { token } })).body.code, 'proof_required')
      assert.equal((await confirm(token!, { password: VICTIM })).body.code, 'proof_wrong')
      const other = await signUp(service)
      assert.equal((await confirm(token!, { ticket: other.ticket })).body.code, 'proof_wrong')
      assert.equal(await canSignIn(email, ATTACKER), false)
      const { body } = await send(`${service.url}/v1/confirmation`, {
        headers: { authorization: `Bearer ${attacker.ticket}` },
      })
      assert.equal(body.state, 'sent')
    })

    test('once the victim has confirmed, the letter of the attacker’s sign-up confirms nothing for anybody', async () => {
      const email = newAddress()
      const attacker = await signUp(service, { email, password: ATTACKER })
      const [attackersToken] = await tokensTo(email, 1)
      const victim = await signUp(service, { email, password: VICTIM })
      const victimsToken = (await tokensTo(email, 2)).find(token => token !== attackersToken)!
      assert.equal((await confirm(victimsToken, { ticket: victim.ticket })).status, 200)
      for (const proof of [{ ticket: attacker.ticket }, { password: ATTACKER }]) {
        const late = await confirm(attackersToken!, proof)
        assert.deepEqual([late.status, late.body.code], [409, 'confirmation_superseded'])
      }
      assert.equal(await canSignIn(email, ATTACKER), false)
    })

    test('of five sign-ups that are confirmed at the same moment one becomes the account [R16, R89]', async () => {
      const email = newAddress()
      const accounts = await Promise.all(Array.from({ length: 5 }, () => signUp(service, { email })))
      const tokens = await tokensTo(email, 5)
      const answers = await Promise.all(
        tokens.flatMap(token => accounts.map(({ ticket }) => confirm(token, { ticket }))),
      )
      const confirmed = new Set(answers.filter(({ status }) => status === 200).map(({ body }) => body.account_id))
      assert.equal(confirmed.size, 1)
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200, 403, 409]))
    })
  })
}
