import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { disableAccount } from '../../src/accounts/account-status-store.ts'
import { DATABASES, shiftClock } from '../support/database.ts'
import { confirmedAtOnce, letterTokenOf, startUnlimitedService } from '../support/genuine-secrets.ts'
import { exchange, type SignedUp, send, signIn, signUp, type TestService } from '../support/service.ts'

const HOUR = 3_600

// Family: what was right when it was checked, and is not any more when it counts.
for (const kind of DATABASES) {
  describe(`after a change on ${kind}`, () => {
    let service: TestService
    before(async () => {
      service = await startUnlimitedService(kind)
    })
    after(() => service[Symbol.asyncDispose]())

    type Person = { account: SignedUp; refreshToken: string; accessToken: string }

    async function signedInPerson(): Promise<Person> {
      const account = await confirmedAtOnce(service)
      const { body } = await exchange(service, await signIn(service, account))
      return { account, refreshToken: body.refresh_token, accessToken: body.access_token }
    }

    const readAccount = async (accessToken: string) =>
      (await send(`${service.url}/v1/account`, { headers: { authorization: `Bearer ${accessToken}` } })).status
    const page = async (name: string, value: string) =>
      (await send(`${service.url}/account`, { headers: { cookie: `auth_${name}=${value}` } })).status

    async function assertOver({ refreshToken, accessToken }: Person, reason: string) {
      const { status, body } = await exchange(service, refreshToken)
      assert.deepEqual([status, body.error, body.reason], [400, 'invalid_grant', reason])
      assert.equal(await readAccount(accessToken), 401)
      assert.equal(await page('refresh_token', refreshToken), 401)
      assert.equal(await page('access_token', accessToken), 303)
    }

    async function later(seconds: number, run: () => Promise<void>) {
      await shiftClock(service.service.database, seconds)
      try {
        await run()
      } finally {
        await shiftClock(service.service.database, 0)
      }
    }

    test('[R47] [R48] CVE-2023-22492 (Zitadel), CVE-2025-53942 (authentik), "suspended user" (Directus): a disabled person’s session is over at once', async () => {
      const person = await signedInPerson()
      assert.equal(await disableAccount(service.service.database, person.account.id), true)
      await assertOver(person, 'revoked')
      const { email, password } = person.account
      const again = await send(`${service.url}/v1/sessions`, { json: { email, password } })
      assert.deepEqual([again.status, again.body.code], [403, 'account_disabled'])
      const wrong = await send(`${service.url}/v1/sessions`, { json: { email, password: `${password}x` } })
      assert.deepEqual([wrong.status, wrong.body.code], [401, 'invalid_credentials'])
    })

    test('[R47] GHSA-2vg6-77g8-24mp (better-auth): a deleted person’s session is over at once', async () => {
      const person = await signedInPerson()
      await sql`delete from account where id = ${person.account.id}`.execute(service.service.database)
      await assertOver(person, 'expired')
    })

    test('[R47] refreshes that race with disabling give nobody a session that lives', async () => {
      const { account, refreshToken } = await signedInPerson()
      const refreshes = Array.from({ length: 30 }, () => exchange(service, refreshToken))
      const disabled = disableAccount(service.service.database, account.id)
      const signIns = Array.from({ length: 4 }, () =>
        send(`${service.url}/v1/sessions`, { json: { email: account.email, password: account.password } }),
      )
      const answers = [...(await Promise.all(refreshes)), ...(await Promise.all(signIns))]
      assert.equal(await disabled, true)
      const tokens = new Set<string>(
        answers.map(({ body }) => body?.refresh_token).filter(token => token !== undefined),
      )
      for (const token of tokens) assert.equal((await exchange(service, token)).status, 400)
    })

    test('[R46] GHSA-g65h-35f3-x2w3 (Directus): after a sign-out neither the refresh nor the access token is good', async () => {
      const person = await signedInPerson()
      assert.equal((await send(`${service.url}/oauth2/revoke`, { form: { token: person.refreshToken } })).status, 200)
      await assertOver(person, 'revoked')
    })

    test('[R46] revoking answers 200 for whatever it is told, and ends nothing but the session of a genuine token', async () => {
      const { refreshToken, account } = await signedInPerson()
      const altered = refreshToken.replace(/.$/, last => (last === 'A' ? 'B' : 'A'))
      for (const token of ['x', altered, account.id, account.ticket, 'a.b.c', '\u0000', "' or 1=1 --"]) {
        const { status, body } = await send(`${service.url}/oauth2/revoke`, { form: { token } })
        assert.deepEqual([status, body], [200, {}], token)
      }
      for (const hint of ['access_token', 'refresh_token', 'nonsense']) {
        const form = { token: altered, token_type_hint: hint }
        assert.equal((await send(`${service.url}/oauth2/revoke`, { form })).status, 200)
      }
      const other = { token: refreshToken, client_id: 'other' }
      const refused = await send(`${service.url}/oauth2/revoke`, { form: other })
      assert.deepEqual([refused.status, refused.body.error], [401, 'invalid_client'])
      assert.equal((await exchange(service, refreshToken)).status, 200)
    })

    test('[R45] a session ends for want of use, and at its absolute end, without any clean-up job (GO-2025-4136, authentik)', async () => {
      const person = await signedInPerson()
      await later(30 * 24 * HOUR + 1, () => assertOver(person, 'expired'))
      let { refreshToken } = await signedInPerson()
      for (let day = 25; day < 180; day += 25)
        await later(day * 24 * HOUR, async () => {
          const { status, body } = await exchange(service, refreshToken)
          assert.equal(status, 200, `day ${day}`)
          refreshToken = body.refresh_token
        })
      await later(180 * 24 * HOUR + 1, async () => {
        assert.equal((await exchange(service, refreshToken)).body.reason, 'expired')
      })
    })

    test('[R10] GO-2025-4136 (authentik): a link is judged when it is used, to the second, whatever the process’s clock says', async () => {
      const account = await signUp(service)
      const token = await letterTokenOf(service, account.id)
      await sql`update confirmation_letter set sent_at = auth_now(), expires_at = auth_now() + interval '24 hours'
        where account_id = ${account.id}`.execute(service.service.database)
      const confirm = () => send(`${service.url}/v1/confirmations`, { json: { token, ticket: account.ticket } })
      await later(24 * HOUR, async () => assert.equal((await confirm()).body.code, 'confirmation_expired'))
      await later(24 * HOUR - 30, async () => assert.equal((await confirm()).status, 200))
    })

    test('[R06] GHSA-hc7v-rggr-4hvx (better-auth): a link that is used a hundred times changes the state once, and signs nobody in', async () => {
      const { token, ticket, id } = await confirmedAtOnce(service)
      const state = async () =>
        (await sql`select * from account where id = ${id}`.execute(service.service.database)).rows
      const before = await state()
      for (let index = 0; index < 100; index++) {
        const answer = await send(`${service.url}/v1/confirmations`, { json: { token, ticket } })
        assert.equal(answer.status, 200)
        assert.deepEqual(answer.headers.getSetCookie(), [])
        assert.doesNotMatch(answer.text, /authsvc_|eyJ/)
      }
      assert.deepEqual(await state(), before)
    })

    test('[R06] confirming again does not bring a disabled account back', async () => {
      const { token, ticket, id, email, password } = await confirmedAtOnce(service)
      await disableAccount(service.service.database, id)
      await send(`${service.url}/v1/confirmations`, { json: { token, ticket } })
      const { status } = await send(`${service.url}/v1/sessions`, { json: { email, password } })
      assert.equal(status, 403)
    })

    test('[R48] CVE-2026-7571 (Keycloak): what a client sends along with a refresh token changes nothing of the session', async () => {
      const { refreshToken } = await signedInPerson()
      const form = {
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        scope: 'admin openid',
        audience: 'https://other.example',
        resource: 'https://other.example',
        username: 'root',
        expires_in: '999999',
        acr_values: '0',
      }
      const { status, body } = await send(`${service.url}/oauth2/token`, { form })
      assert.equal(status, 200)
      assert.deepEqual(Object.keys(body).sort(), ['access_token', 'expires_in', 'refresh_token', 'token_type'])
      const claims = JSON.parse(Buffer.from(body.access_token.split('.')[1], 'base64url').toString())
      assert.deepEqual([claims.aud, claims.scope, claims.exp - claims.iat], [service.url, undefined, 300])
    })

    test('[R49] CVE-2026-53512 (better-auth): another client gets nothing for a refresh token, which stays good', async () => {
      const { refreshToken } = await signedInPerson()
      const form = { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: 'other' }
      const refused = await send(`${service.url}/oauth2/token`, { form })
      assert.deepEqual([refused.status, refused.body.error], [401, 'invalid_client'])
      assert.equal((await exchange(service, refreshToken)).status, 200)
    })
  })
}
