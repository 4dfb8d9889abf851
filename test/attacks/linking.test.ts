import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { DATABASES } from '../support/database.ts'
import { confirmedAtOnce, letterTokenOf, startUnlimitedService } from '../support/genuine-secrets.ts'
import { exchange, newAddress, type SignedUp, send, signIn, signUp, type TestService } from '../support/service.ts'

// Family: one person's account or proof that becomes another's (Sudhodanan and Paverd, "Pre-hijacked accounts", 2022).
for (const kind of DATABASES) {
  describe(`identities on ${kind}`, () => {
    let service: TestService
    before(async () => {
      service = await startUnlimitedService(kind)
    })
    after(() => service[Symbol.asyncDispose]())

    const confirm = (json: object) => send(`${service.url}/v1/confirmations`, { json })
    const signInStatus = async (json: object) => (await send(`${service.url}/v1/sessions`, { json })).status
    const attacker = 'password of the attacker'
    const victim = 'password of the victim'

    async function twoSignUps(first: 'attacker' | 'victim'): Promise<Record<'attackers' | 'victims', SignedUp>> {
      const email = newAddress()
      const attackers = () => signUp(service, { email, password: attacker })
      const victims = () => signUp(service, { email, password: victim })
      return first === 'attacker'
        ? { attackers: await attackers(), victims: await victims() }
        : { victims: await victims(), attackers: await attackers() }
    }

    // The victim has the mailbox: both links. The attacker has the own ticket and password only.
    for (const first of ['attacker', 'victim'] as const)
      for (const clicked of ['attackers', 'victims'] as const)
        test(`[R04] GoTrue sign-up, PH: with the ${first} first and the ${clicked}' link clicked first, the attacker never signs in`, async () => {
          const { attackers, victims } = await twoSignUps(first)
          const tokens = {
            attackers: await letterTokenOf(service, attackers.id),
            victims: await letterTokenOf(service, victims.id),
          }
          const order =
            clicked === 'attackers' ? (['attackers', 'victims'] as const) : (['victims', 'attackers'] as const)
          for (const whose of order) await confirm({ token: tokens[whose], password: victim })
          assert.equal(await signInStatus({ email: victims.email, password: attacker }), 401)
          assert.equal(await signInStatus({ email: victims.email, password: victim }), 201)
          assert.equal((await confirm({ token: tokens.attackers, ticket: attackers.ticket })).status, 409)
          assert.equal((await confirm({ token: tokens.attackers, password: attacker })).status, 409)
        })

    test('[R03] PH (unexpired session): nothing signs in, refreshes or issues a token before the confirmation', async () => {
      const account = await signUp(service)
      const token = await letterTokenOf(service, account.id)
      const bearer = { headers: { authorization: `Bearer ${account.ticket}` } }
      const attempts = await Promise.all([
        send(`${service.url}/v1/sessions`, { json: { email: account.email, password: account.password } }),
        exchange(service, account.ticket),
        exchange(service, token),
        send(`${service.url}/v1/account`, bearer),
        send(`${service.url}/v1/confirmation`, bearer),
        send(`${service.url}/v1/confirmation-letters`, { json: { ticket: account.ticket } }),
        send(`${service.url}/sign-in`, {
          form: { email: account.email, password: account.password },
          headers: { origin: service.url },
        }),
        send(`${service.url}/account`, { headers: { cookie: `auth_ticket=${account.ticket}` } }),
      ])
      for (const { text, headers } of attempts) {
        assert.doesNotMatch(text, /authsvc_rt_|eyJ/)
        assert.deepEqual(
          headers.getSetCookie().filter(cookie => /token=[^;]/.test(cookie)),
          [],
        )
      }
      const { rows } = await sql`select 1 from session where account_id = ${account.id}`.execute(
        service.service.database,
      )
      assert.deepEqual(rows, [])
    })

    test('[R09] CVE-2026-9087 (Keycloak), GHSA-4rxr-27mm-mxq9 (next-auth): a link is bound to its sign-up, though the address is the same', async () => {
      const { attackers, victims } = await twoSignUps('attacker')
      const token = await letterTokenOf(service, victims.id)
      assert.equal((await confirm({ token, ticket: attackers.ticket })).body.code, 'proof_wrong')
      assert.equal((await confirm({ token, password: attacker })).body.code, 'proof_wrong')
      assert.equal((await confirm({ token, password: victim })).body.account_id, victims.id)
    })

    test('[R09] a link of somebody else’s letter is none of the own', async () => {
      const [one, other] = [await signUp(service), await signUp(service)]
      const token = await letterTokenOf(service, one.id)
      for (const proof of [{ ticket: other.ticket }, { password: `${other.password} ` }])
        assert.equal((await confirm({ token, ...proof })).body.code, 'proof_wrong')
    })

    test('[R16] CVE-2024-1722 (Keycloak): no two accounts answer to one way of signing in, however it is spelt', async () => {
      const account = await confirmedAtOnce(service, { password: victim })
      const spellings = [
        account.email.toUpperCase(),
        account.email.replace('@', '\uff20'),
        account.email.replace('.com', '\uff0ecom'),
      ]
      for (const email of spellings) {
        const again = await signUp(service, { email, password: attacker })
        assert.equal(again.email, account.email)
        const token = await letterTokenOf(service, again.id)
        assert.equal((await confirm({ token, ticket: again.ticket })).status, 409)
        assert.equal(await signInStatus({ email, password: attacker }), 401)
        assert.equal(await signInStatus({ email, password: victim }), 201)
      }
      const { rows } = await sql<{ count: number }>`select count(*)::int as count from account
        where email = ${account.email} and confirmed_at is not null`.execute(service.service.database)
      assert.deepEqual(rows, [{ count: 1 }])
    })

    test('[R16] the database itself refuses a second confirmed account of an address', async () => {
      const { email } = await confirmedAtOnce(service)
      const second = await signUp(service, { email })
      const forced = sql`update account set status = 'active', confirmed_at = now() where id = ${second.id}`
      await assert.rejects(forced.execute(service.service.database), /account_confirmed_email/)
    })

    test('[R17] dots and plus tags make different people', async () => {
      const tail = newAddress('x').slice(1)
      const [one, other] = [`a.b+c${tail}`, `ab${tail}`]
      const account = await confirmedAtOnce(service, { email: one, password: victim })
      assert.equal(account.email, one)
      assert.equal(await signInStatus({ email: other, password: victim }), 401)
      assert.equal((await confirmedAtOnce(service, { email: other, password: attacker })).email, other)
    })

    test('CVE-2025-7365 (Keycloak): the address of a sign-up that waits for its confirmation is never another', async () => {
      const account = await signUp(service)
      const token = await letterTokenOf(service, account.id)
      for (const more of [{ email: newAddress() }, { account_id: account.id }, { address: newAddress() }])
        assert.equal((await confirm({ token, ticket: account.ticket, ...more })).status, 422)
      assert.equal((await confirm({ token, ticket: account.ticket })).body.email, account.email)
    })

    test('GHSA-5hvv-9cqv-894r (GoTrue): an empty or odd identity is nobody', async () => {
      for (const email of ['', ' ', 'null', 'undefined', '0', '@', 'a@', '@example.com', '\u0000@example.com'])
        assert.equal(await signInStatus({ email, password: victim }), 422, JSON.stringify(email))
      for (const email of [null, 0, false, [], {}, ['a@example.com']])
        assert.equal(await signInStatus({ email, password: victim }), 422, JSON.stringify(email))
    })

    test('[R51] [R74] no client chooses the id of a session or an account', async () => {
      const account = await confirmedAtOnce(service)
      const fixed = '01900000-0000-7000-8000-000000000000'
      const json = { email: account.email, password: account.password }
      for (const name of ['id', 'session_id', 'sid', 'account_id'])
        assert.equal((await send(`${service.url}/v1/sessions`, { json: { ...json, [name]: fixed } })).status, 422)
      const headers = { cookie: `sid=${fixed}; auth_refresh_token=${fixed}`, 'x-request-id': fixed }
      const { body } = await send(`${service.url}/v1/sessions?id=${fixed}`, { json, headers })
      assert.notEqual(body.id, fixed)
      assert.notEqual(await signIn(service, account), await signIn(service, account))
    })
  })
}
