import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { disableAccount } from '../../src/accounts/account-status-store.ts'
import { DATABASES, shiftClock } from '../support/database.ts'
import { confirmedAccount, exchange, send, signIn, startTestService, type TestService } from '../support/service.ts'

for (const kind of DATABASES) {
  describe(`the token endpoint on ${kind}`, () => {
    let service: TestService
    before(async () => {
      service = await startTestService(kind)
    })
    after(() => service[Symbol.asyncDispose]())

    const token = (form: Record<string, string> | string, headers: Record<string, string> = {}) =>
      send(`${service.url}/oauth2/token`, {
        method: 'POST',
        body: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      })

    test('twenty concurrent exchanges of one refresh token all get the same successor [R42]', async () => {
      const refreshToken = await signIn(service, await confirmedAccount(service))
      const answers = await Promise.all(Array.from({ length: 20 }, () => exchange(service, refreshToken)))
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
      const successors = new Set(answers.map(({ body }) => body.refresh_token))
      assert.equal(successors.size, 1)
      assert.equal((await exchange(service, [...successors][0])).status, 200)
    })

    test('each access token has an id of its own', async () => {
      const refreshToken = await signIn(service, await confirmedAccount(service))
      const answers = await Promise.all(Array.from({ length: 5 }, () => exchange(service, refreshToken)))
      assert.equal(new Set(answers.map(({ body }) => body.access_token)).size, 5)
    })

    test('a retry hours after a lost answer goes on; the skipped token then ends the session with "reused" [R44]', async () => {
      const refreshToken = await signIn(service, await confirmedAccount(service))
      const lost = await exchange(service, refreshToken)
      try {
        await shiftClock(service.service.database, 5 * 3_600)
        const retried = await exchange(service, refreshToken)
        assert.equal(retried.status, 200)
        assert.notEqual(retried.body.refresh_token, lost.body.refresh_token)
        const thief = await exchange(service, lost.body.refresh_token)
        assert.deepEqual([thief.status, thief.body.error, thief.body.reason], [400, 'invalid_grant', 'reused'])
        const owner = await exchange(service, retried.body.refresh_token)
        assert.deepEqual([owner.status, owner.body.reason], [400, 'reused'])
      } finally {
        await shiftClock(service.service.database, 0)
      }
    })

    test('a refresh token can be told by its prefix, so that scanners for secrets find it [R41]', async () => {
      const refreshToken = await signIn(service, await confirmedAccount(service))
      assert.match(refreshToken, /^authsvc_rt_[A-Za-z0-9]{1,16}\.[A-Za-z0-9_-]{56}$/)
    })

    test('verifiers keep the keys for 5 minutes (RFC 9111)', async () => {
      const { headers } = await send(`${service.url}/.well-known/jwks.json`)
      assert.equal(headers.get('cache-control'), 'public, max-age=300')
    })

    test('a straggler of a burst goes on', async () => {
      const first = await signIn(service, await confirmedAccount(service))
      let current = first
      for (let count = 0; count < 3; count++) current = (await exchange(service, current)).body.refresh_token
      const straggler = await exchange(service, first)
      assert.equal(straggler.body.refresh_token, current)
    })

    test('an expired session says so [R45]', async () => {
      const refreshToken = await signIn(service, await confirmedAccount(service))
      try {
        await shiftClock(service.service.database, 31 * 86_400)
        const { status, body } = await exchange(service, refreshToken)
        assert.deepEqual([status, body.error, body.reason], [400, 'invalid_grant', 'expired'])
      } finally {
        await shiftClock(service.service.database, 0)
      }
    })

    test('disabling the account ends its sessions at once, refreshes and own account alike [R47, R48]', async () => {
      const account = await confirmedAccount(service)
      const { body } = await exchange(service, await signIn(service, account))
      assert.equal(await disableAccount(service.service.database, account.id), true)
      const refused = await exchange(service, body.refresh_token)
      assert.deepEqual([refused.status, refused.body.reason], [400, 'revoked'])
      const own = await send(`${service.url}/v1/account`, { headers: { authorization: `Bearer ${body.access_token}` } })
      assert.deepEqual([own.status, own.body.code], [401, 'invalid_access_token'])
    })

    test('each bit of a refresh token matters [R41]', async () => {
      const refreshToken = await signIn(service, await confirmedAccount(service))
      const start = refreshToken.indexOf('.') + 1
      for (let index = start; index < refreshToken.length; index++) {
        const flipped = refreshToken[index] === 'A' ? 'B' : 'A'
        const forged = refreshToken.slice(0, index) + flipped + refreshToken.slice(index + 1)
        const { status, body } = await exchange(service, forged)
        assert.deepEqual([status, body.reason], [400, 'malformed'], `character ${index}`)
      }
      assert.equal((await exchange(service, refreshToken)).status, 200)
    })

    test('a malformed token is refused without asking the database [R41]', async () => {
      for (const garbled of [
        'x',
        'authsvc_rt_',
        'authsvc_rt_k1.',
        `authsvc_rt_k1.${'A'.repeat(56)}`,
        '\0',
        'é'.repeat(99),
      ])
        assert.equal((await exchange(service, garbled)).body.reason, 'malformed', garbled)
    })

    test('requests that RFC 6749 refuses are refused in its words [R48, R49, R67]', async () => {
      const refreshToken = await signIn(service, await confirmedAccount(service))
      const good = { grant_type: 'refresh_token', refresh_token: refreshToken }
      const cases: [string, Parameters<typeof token>[0], number, string][] = [
        ['no grant_type', { refresh_token: refreshToken }, 400, 'invalid_request'],
        ['an empty body', '', 400, 'invalid_request'],
        ['no refresh_token', { grant_type: 'refresh_token' }, 400, 'invalid_request'],
        ['an empty refresh_token', { ...good, refresh_token: '' }, 400, 'invalid_request'],
        ['another grant_type', { ...good, grant_type: 'password' }, 400, 'unsupported_grant_type'],
        ['authorization_code', { grant_type: 'authorization_code', code: 'x' }, 400, 'unsupported_grant_type'],
        ['another client', { ...good, client_id: 'somebody-else' }, 401, 'invalid_client'],
        ['a repeated parameter', `${new URLSearchParams(good)}&grant_type=refresh_token`, 400, 'invalid_request'],
        ['a repeated unknown parameter', `${new URLSearchParams(good)}&x=1&x=2`, 400, 'invalid_request'],
      ]
      for (const [name, form, status, error] of cases) {
        const answer = await token(form)
        assert.deepEqual([answer.status, answer.body?.error], [status, error], name)
        assert.equal(answer.headers.get('cache-control'), 'no-store', name)
      }
      const unknown = await token({ ...good, scope: 'x', unknown: '1', client_id: 'default' })
      assert.equal(unknown.status, 200, 'unknown parameters are ignored, and none of the above spent the token')
    })

    test('any other content type is refused with 415, and so is JSON', async () => {
      for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x']) {
        const answer = await token('{"grant_type":"refresh_token"}', { 'content-type': type })
        assert.deepEqual([answer.status, answer.body.error], [415, 'invalid_request'], type)
      }
    })

    test('revoking ends the session of any genuine token of it, and answers 200 for all else [R46]', async () => {
      const account = await confirmedAccount(service)
      const revoke = (value: string) => send(`${service.url}/oauth2/revoke`, { form: { token: value } })
      for (const which of ['first refresh token', 'current refresh token', 'access token'] as const) {
        const first = await signIn(service, account)
        const { body } = await exchange(service, first)
        const tokens = {
          'first refresh token': first,
          'current refresh token': body.refresh_token,
          'access token': body.access_token,
        }
        assert.equal((await revoke(tokens[which])).status, 200)
        assert.equal((await exchange(service, body.refresh_token)).body.reason, 'revoked', which)
      }
      for (const nonsense of ['x', 'authsvc_rt_k1.garbled', 'a.b.c']) assert.equal((await revoke(nonsense)).status, 200)
      const empty = await send(`${service.url}/oauth2/revoke`, { form: { other: '1' } })
      assert.deepEqual([empty.status, empty.body.error], [400, 'invalid_request'])
    })

    test('signing out in one place leaves the other sessions of the account', async () => {
      const account = await confirmedAccount(service)
      const [here, there] = [await signIn(service, account), await signIn(service, account)]
      await send(`${service.url}/oauth2/revoke`, { form: { token: here } })
      assert.equal((await exchange(service, there)).status, 200)
    })

    test('neither cookies nor the query carry a token here [R76]', async () => {
      const refreshToken = await signIn(service, await confirmedAccount(service))
      const inQuery = await send(`${service.url}/oauth2/token?grant_type=refresh_token&refresh_token=${refreshToken}`, {
        form: { unrelated: '1' },
      })
      assert.equal(inQuery.body.error, 'invalid_request')
      const { headers } = await exchange(service, refreshToken)
      assert.equal(headers.get('set-cookie'), null)
    })
  })
}
