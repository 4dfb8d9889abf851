import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { DATABASES } from '../support/database.ts'
import { confirmedAtOnce, letterTokenOf, startUnlimitedService } from '../support/genuine-secrets.ts'
import { rawRequest, sendRaw } from '../support/raw-http.ts'
import { exchange, newAddress, type SignedUp, send, signIn, signUp, type TestService } from '../support/service.ts'

/** What stands in the place of a proof that is not there. */
const NOTHING = [
  undefined,
  null,
  '',
  ' ',
  'null',
  'undefined',
  'true',
  '0',
  0,
  false,
  true,
  [],
  {},
  [''],
  [null],
  { $ne: null },
]

// Family: a proof that is missing, empty or of another type, and is taken for one.
for (const kind of DATABASES) {
  describe(`without a proof on ${kind}`, () => {
    let service: TestService
    before(async () => {
      service = await startUnlimitedService(kind, { env: { AUTH_TRUST_PROXY: '127.0.0.1,::1' } })
    })
    after(() => service[Symbol.asyncDispose]())

    const confirm = (json: object) => send(`${service.url}/v1/confirmations`, { json })
    const statusOf = async ({ id }: Pick<SignedUp, 'id'>) => {
      const { rows } = await sql<{ status: string }>`select status from account where id = ${id}`.execute(
        service.service.database,
      )
      return rows[0]?.status
    }

    /** Flips each bit of a secret, one at a time. */
    function* flipsOf(secret: string): Generator<string> {
      const bytes = Buffer.from(secret)
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = Buffer.from(bytes)
        flipped[bit >> 3]! ^= 1 << (bit & 7)
        if (!/[^\x21-\x7e]/.test(flipped.toString('latin1'))) yield flipped.toString('latin1')
      }
    }

    test('[R09] GHSA-6xc2-mj39-q599 (Strapi), CVE-2026-15612 (Logto): an absent, empty or mistyped token confirms nothing', async () => {
      const account = await signUp(service)
      for (const token of NOTHING) {
        const { status } = await confirm({ token, ticket: account.ticket })
        assert.ok(status === 404 || status === 422, `${JSON.stringify(token)}: ${status}`)
      }
      assert.equal(await statusOf(account), 'unconfirmed')
    })

    test('[R09] GHSA-6xc2-mj39-q599 (Strapi), CVE-2026-15612 (Logto): an absent, empty or mistyped ticket or password is no proof', async () => {
      for (const name of ['ticket', 'password']) {
        const account = await signUp(service)
        const token = await letterTokenOf(service, account.id)
        for (const proof of NOTHING) {
          const { status } = await confirm({ token, [name]: proof })
          assert.ok(status === 403 || status === 422, `${name} ${JSON.stringify(proof)}: ${status}`)
        }
        assert.equal((await confirm({ token })).body.code, 'proof_required')
        assert.equal((await confirm({ token, ticket: account.ticket, password: 'x' })).status, 422)
        assert.equal(await statusOf(account), 'unconfirmed')
      }
    })

    test('[R03] [R09] CVE-2026-18963 (Keycloak): nothing but the link of the letter confirms', async () => {
      const account = await signUp(service)
      const { email, password, ticket, id } = account
      const origin = { origin: service.url }
      await confirm({ ticket })
      await confirm({ token: ticket, ticket })
      await confirm({ token: id, ticket })
      await send(`${service.url}/v1/confirmation`, { method: 'POST', headers: { authorization: `Bearer ${ticket}` } })
      for (const form of [{}, { email, password }, { token: '' }, { token: ticket }, { status: 'active' }])
        await send(`${service.url}/confirm`, { form, headers: { ...origin, cookie: `auth_ticket=${ticket}` } })
      assert.equal(await statusOf(account), 'unconfirmed')
    })

    test('[R73] CVE-2026-49443 (authentik): an empty or mistyped body is no step of anything', async () => {
      const account = await confirmedAtOnce(service)
      const rowsOf = async () => {
        const { rows } = await sql<{ accounts: number; sessions: number }>`select
          (select count(*)::int from account) as accounts, (select count(*)::int from session) as sessions`.execute(
          service.service.database,
        )
        return rows[0]
      }
      const before = await rowsOf()
      const paths = [
        '/v1/accounts',
        '/v1/sessions',
        '/v1/confirmations',
        '/v1/confirmation-letters',
        '/oauth2/token',
        '/oauth2/revoke',
      ]
      for (const path of [...paths, '/sign-up', '/sign-in', '/confirm', '/confirm/letter'])
        for (const type of ['application/json', 'application/x-www-form-urlencoded', undefined])
          for (const body of ['', '{}', '[]', 'null', '=']) {
            const headers = { origin: service.url, ...(type && { 'content-type': type }) }
            const { status } = await send(service.url + path, { method: 'POST', body: Buffer.from(body), headers })
            assert.ok(status >= 400 && status < 500, `${path} ${type} ${body}: ${status}`)
          }
      for (const email of NOTHING)
        for (const json of [
          { email, password: account.password },
          { email: account.email, password: email },
        ])
          assert.ok([401, 422].includes((await send(`${service.url}/v1/sessions`, { json })).status))
      assert.deepEqual(await rowsOf(), before)
    })

    test('[R41] an absent, empty or repeated refresh token is refused, and so is every other grant', async () => {
      const token = await signIn(service, await confirmedAtOnce(service))
      const post = (body: string) =>
        send(`${service.url}/oauth2/token`, {
          method: 'POST',
          body,
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        })
      for (const [body, error] of [
        ['', 'invalid_request'],
        ['grant_type=refresh_token', 'invalid_request'],
        ['grant_type=refresh_token&refresh_token=', 'invalid_request'],
        [`refresh_token=${token}`, 'invalid_request'],
        [`grant_type=&refresh_token=${token}`, 'invalid_request'],
        [`grant_type=refresh_token&refresh_token=${token}&refresh_token=${token}`, 'invalid_request'],
        [`grant_type=refresh_token&grant_type=refresh_token&refresh_token=${token}`, 'invalid_request'],
        [`grant_type=refresh_token&refresh_token[]=${token}`, 'invalid_request'],
        [`grant_type=refresh_token&refresh_token=null`, 'invalid_grant'],
        [`grant_type=REFRESH_TOKEN&refresh_token=${token}`, 'unsupported_grant_type'],
      ] as const) {
        const answer = await post(body)
        assert.deepEqual([answer.status, answer.body.error], [400, error], body.replace(token, '…'))
      }
    })

    test('[R67] signing in with a password is no grant, nor is any other than the refresh token', async () => {
      const { email, password } = await confirmedAtOnce(service)
      for (const grant_type of [
        'password',
        'implicit',
        'authorization_code',
        'client_credentials',
        'urn:ietf:params:oauth:grant-type:jwt-bearer',
        'urn:ietf:params:oauth:grant-type:device_code',
        'urn:ietf:params:oauth:grant-type:token-exchange',
        'urn:openid:params:grant-type:ciba',
      ]) {
        const form = { grant_type, username: email, password, scope: 'openid' }
        const { status, body } = await send(`${service.url}/oauth2/token`, { form })
        assert.deepEqual([status, body.error], [400, 'unsupported_grant_type'], grant_type)
      }
      const { body } = await send(`${service.url}/.well-known/oauth-authorization-server`)
      assert.deepEqual(body.grant_types_supported, ['refresh_token'])
      assert.deepEqual(body.response_types_supported, [])
    })

    test('GHSA-xmf8-cvqr-rfgj (next-auth): a garbled Authorization header is no token, and no fault of the service', async () => {
      for (const authorization of [
        'Bearer',
        'Bearer  ',
        'Bearer null',
        'Bearer undefined',
        'bearer',
        'Basic',
        'Basic Og==',
        ',',
        '=',
        'Bearer \u0080',
      ])
        for (const path of ['/v1/account', '/v1/confirmation']) {
          const bytes = rawRequest('GET', path, { authorization })
          const { answers } = await sendRaw(service.service.port, bytes)
          assert.equal(answers[0]?.status, 401, `${path} ${authorization}`)
        }
    })

    test('CVE-2024-47070 (authentik): an unreadable X-Forwarded-For spares nobody the password', async () => {
      const { email } = await confirmedAtOnce(service)
      for (const forwarded of [
        '',
        ',',
        'x',
        '\u0000',
        '::',
        '1.2.3.4:99999',
        'unknown',
        '[::1',
        '"',
        '-1',
        'a'.repeat(5_000),
      ]) {
        const json = JSON.stringify({ email: newAddress(), password: 'wrong password' })
        const headers = { 'content-type': 'application/json', 'x-forwarded-for': forwarded }
        const { answers } = await sendRaw(service.service.port, rawRequest('POST', '/v1/sessions', headers, json))
        assert.ok([400, 401].includes(answers[0]!.status), `${forwarded.slice(0, 20)}: ${answers[0]!.status}`)
      }
      assert.equal(
        (await send(`${service.url}/v1/sessions`, { json: { email, password: 'wrong password' } })).status,
        401,
      )
    })

    test('[R41] [R09] CVE-2026-119128 (Zitadel): with any bit flipped, a ticket, a link and a refresh token are worth nothing', async () => {
      const account = await signUp(service)
      const token = await letterTokenOf(service, account.id)
      const refreshToken = await signIn(service, await confirmedAtOnce(service))
      for (const flipped of flipsOf(account.ticket)) {
        const headers = { authorization: `Bearer ${flipped}` }
        assert.equal((await send(`${service.url}/v1/confirmation`, { headers })).status, 401, flipped)
      }
      for (const flipped of flipsOf(token)) assert.equal((await confirm({ token: flipped })).status, 404, flipped)
      for (const flipped of flipsOf(refreshToken))
        assert.equal((await exchange(service, flipped)).body.reason, 'malformed', flipped)
      assert.equal((await exchange(service, refreshToken)).status, 200)
    })
  })
}
