import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { decodeJwt } from 'jose'
import { sql } from 'kysely'
import { DATABASES, shiftClock } from '../support/database.ts'
import { confirmedAtOnce, letterTokenOf, makersOf, startUnlimitedService } from '../support/genuine-secrets.ts'
import {
  type Answer,
  exchange,
  newAddress,
  PASSWORD,
  send,
  signIn,
  signUp,
  type TestService,
} from '../support/service.ts'

const CLIENTS = 50

// Family: a check and an act that are two steps, between which others come.
for (const kind of DATABASES) {
  describe(`fifty at the same moment on ${kind}`, () => {
    let service: TestService
    before(async () => {
      service = await startUnlimitedService(kind)
    })
    after(() => service[Symbol.asyncDispose]())

    const fiftyTimes = (ask: (index: number) => Promise<Answer>) =>
      Promise.all(Array.from({ length: CLIENTS }, (_, index) => ask(index)))
    const confirm = (json: object) => send(`${service.url}/v1/confirmations`, { json })
    const generationOf = async (refreshToken: string) =>
      (await makersOf(service).refreshTokens.open(refreshToken))!.generation

    test('[R42] [R89] CVE-2026-53517 (better-auth), CVE-2026-1035 (Keycloak): a refresh token raced by 50 clients has one successor', async () => {
      const token = await signIn(service, await confirmedAtOnce(service))
      const answers = await fiftyTimes(() => exchange(service, token))
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
      const successors = new Set<string>(answers.map(({ body }) => body.refresh_token))
      assert.equal(successors.size, 1)
      const [successor] = successors
      assert.equal(await generationOf(successor!), (await generationOf(token)) + 1)
      assert.equal((await exchange(service, successor!)).status, 200, 'every client holds a good token')
    })

    test('[R42] CVE-2026-1035 (Keycloak): a token that was stolen and skipped wins no race within a theft', async () => {
      const account = await confirmedAtOnce(service)
      const first = await signIn(service, account)
      const skipped: string = (await exchange(service, first)).body.refresh_token
      await shiftClock(service.service.database, 3_600)
      try {
        const current: string = (await exchange(service, first)).body.refresh_token // its answer was lost
        const answers = await fiftyTimes(index => exchange(service, index % 2 ? skipped : current))
        const late = answers.filter(({ status }) => status === 200).map(({ body }) => body.refresh_token as string)
        for (const token of new Set(late)) assert.equal((await exchange(service, token)).body.reason, 'reused')
        assert.equal((await exchange(service, current)).body.reason, 'reused')
      } finally {
        await shiftClock(service.service.database, 0)
      }
    })

    test('[R89] [R09] GHSA-r3xq-68wh-gwvh (parse-server), GHSA-hc7v-rggr-4hvx (better-auth), CVE-2026-107276 (MISP): a link that is used 50 times at once confirms once', async () => {
      const account = await signUp(service)
      const token = await letterTokenOf(service, account.id)
      const answers = await fiftyTimes(() => confirm({ token, ticket: account.ticket }))
      assert.deepEqual(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size, 1)
      const { rows } = await sql<{ revision: number; status: string }>`
        select revision, status from account where id = ${account.id}`.execute(service.service.database)
      assert.deepEqual(rows, [{ revision: 1, status: 'active' }])
    })

    test('[R16] [R89] of 50 sign-ups of one address that are confirmed at once one becomes the account', async () => {
      const email = newAddress()
      const spellings = [email, email.toUpperCase(), email.replace('@', '\uff20'), ` ${email}`.trim()]
      const accounts = await Promise.all(
        Array.from({ length: CLIENTS }, (_, index) =>
          signUp(service, { email: spellings[index % spellings.length]!, password: `${PASSWORD} ${index}` }),
        ),
      )
      const tokens = await Promise.all(accounts.map(({ id }) => letterTokenOf(service, id)))
      const answers = await fiftyTimes(index => confirm({ token: tokens[index], ticket: accounts[index]!.ticket }))
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200, 409]))
      const winners = accounts.filter((_, index) => answers[index]!.status === 200)
      assert.equal(winners.length, 1)
      const signIns = await Promise.all(
        accounts.slice(0, 3).map(({ password }) => send(`${service.url}/v1/sessions`, { json: { email, password } })),
      )
      for (const [index, { status }] of signIns.entries())
        assert.equal(status === 201, accounts[index]!.id === winners[0]!.id)
    })

    test('[R46] [R89] GHSA-g65h-35f3-x2w3 (Directus): of refreshes and a sign-out that race none goes on afterwards', async () => {
      const token = await signIn(service, await confirmedAtOnce(service))
      const answers = await fiftyTimes(index =>
        index === 25 ? send(`${service.url}/oauth2/revoke`, { form: { token } }) : exchange(service, token),
      )
      const issued = answers.map(({ body }) => body).filter(body => body?.refresh_token)
      for (const { refresh_token, access_token } of issued.slice(0, 5)) {
        assert.equal((await exchange(service, refresh_token)).body.reason, 'revoked')
        const headers = { authorization: `Bearer ${access_token}` }
        assert.equal((await send(`${service.url}/v1/account`, { headers })).status, 401)
      }
    })

    test('GHSA-7w99-5wm4-3g79 (better-auth): of one session no two access tokens bear the same id, however they race', async () => {
      const token = await signIn(service, await confirmedAtOnce(service))
      const answers = await fiftyTimes(() => exchange(service, token))
      const claims = answers.map(({ body }) => decodeJwt(body.access_token))
      assert.equal(new Set(claims.map(({ jti }) => jti)).size, CLIENTS)
      assert.equal(new Set(claims.map(({ sid }) => sid)).size, 1)
    })

    test('CVE-2026-32242 (parse-server): people who sign in at once get each their own account', async () => {
      const accounts = await Promise.all(
        Array.from({ length: 8 }, (_, index) => confirmedAtOnce(service, { password: `${PASSWORD} ${index}` })),
      )
      const tokens = await Promise.all(accounts.map(account => signIn(service, account)))
      const exchanges = await Promise.all(tokens.map(token => exchange(service, token)))
      assert.deepEqual(
        exchanges.map(({ body }) => decodeJwt(body.access_token).sub),
        accounts.map(({ id }) => id),
      )
    })
  })
}

test('CVE-2026-32242 (parse-server): two services in one process keep to their own settings', async () => {
  await using one = await startUnlimitedService('PGlite', {
    env: { AUTH_CLIENT_ID: 'one', AUTH_ACCESS_TOKEN_TTL: '1m' },
  })
  await using other = await startUnlimitedService('PostgreSQL', {
    env: { AUTH_SIGNING_ALG: 'EdDSA', AUTH_AUDIENCE: 'other' },
  })
  const tokens = await Promise.all(
    [one, other].map(
      async service => (await exchange(service, await signIn(service, await confirmedAtOnce(service)))).body,
    ),
  )
  const [first, second] = tokens.map(({ access_token }) => decodeJwt(access_token))
  assert.deepEqual([first!.client_id, first!.exp! - first!.iat!, first!.iss], ['one', 60, one.url])
  assert.deepEqual([second!.client_id, second!.aud, second!.iss], ['default', 'other', other.url])
  const headers = { authorization: `Bearer ${tokens[0]!.access_token}` }
  assert.equal((await send(`${other.url}/v1/account`, { headers })).status, 401)
  assert.equal((await exchange(other, tokens[0]!.refresh_token)).body.reason, 'malformed')
})
