import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { decodeJwt, decodeProtectedHeader, type JWK } from 'jose'
import { DATABASES } from '../../support/database.ts'
import { confirmedAtOnce, startUnlimitedService } from '../../support/genuine-secrets.ts'
import { exchange, type SignedUp, send, signIn, type TestService } from '../../support/service.ts'

const uuidOf = (version: number) =>
  new RegExp(`^[0-9a-f]{8}-[0-9a-f]{4}-${version}[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

for (const kind of DATABASES) {
  describe(`an access token that was issued on ${kind}`, () => {
    let service: TestService
    let account: SignedUp
    let clock = Date.now()
    before(async () => {
      service = await startUnlimitedService(kind, { now: () => clock })
      account = await confirmedAtOnce(service)
    })
    after(() => service[Symbol.asyncDispose]())

    const issued = async (): Promise<string> =>
      (await exchange(service, await signIn(service, account))).body.access_token
    const statusOf = async (token: string) =>
      (await send(`${service.url}/v1/account`, { headers: { authorization: `Bearer ${token}` } })).status

    test('[R57] [R61] says what RFC 9068 asks, and nothing about the person but the id', async () => {
      const token = await issued()
      const { kid, ...header } = decodeProtectedHeader(token)
      assert.deepEqual(header, { alg: 'ES256', typ: 'at+jwt' })
      const { iss, aud, sub, client_id, iat, exp, jti, sid, auth_time, amr, ...more } = decodeJwt(token)
      assert.deepEqual(more, {}, 'no other claim')
      assert.deepEqual([iss, aud, sub, client_id, amr], [service.url, service.url, account.id, 'default', ['pwd']])
      assert.match(String(sub), uuidOf(7))
      assert.match(String(jti), uuidOf(4))
      assert.match(String(sid), uuidOf(7))
      assert.equal(exp! - iat!, 300)
      assert.ok(Math.abs(Number(auth_time) - iat!) < 60)
      assert.ok(!Buffer.from(token.split('.')[1]!, 'base64url').toString().includes(account.email.split('@')[0]!))
      assert.ok(kid)
    })

    test('[R58] is good for at most ten minutes, and refused at its very end', async () => {
      const token = await issued()
      const { iat, exp } = decodeJwt(token)
      assert.ok(exp! - iat! <= 600)
      const began = clock
      for (const [at, status] of [
        [exp! - 1, 200],
        [exp!, 401],
        [exp! + 59, 401],
        [exp! + 61, 401],
      ] as const) {
        clock = at * 1_000
        assert.equal(await statusOf(token), status, `${at - exp!} s after its end`)
      }
      clock = began
    })

    test('[R58] a setting of more than ten minutes is refused', async () => {
      await assert.rejects(
        startUnlimitedService(kind, { env: { AUTH_ACCESS_TOKEN_TTL: '11m' } }),
        /AUTH_ACCESS_TOKEN_TTL/,
      )
    })

    test('[R64] names a key of the JWKS, which holds public members alone', async () => {
      const { kid } = decodeProtectedHeader(await issued())
      const { body } = await send<{ keys: JWK[] }>(`${service.url}/.well-known/jwks.json`)
      assert.ok(body.keys.some(key => key.kid === kid))
      for (const key of body.keys)
        for (const member of PRIVATE_MEMBERS) assert.ok(!(member in key), `${key.kid} shows ${member}`)
    })
  })
}

for (const algorithm of ['EdDSA', 'RS256'])
  test(`[R64] the JWKS of ${algorithm} holds public members alone`, async () => {
    await using service = await startUnlimitedService('PostgreSQL', { env: { AUTH_SIGNING_ALG: algorithm } })
    const { body } = await send<{ keys: JWK[] }>(`${service.url}/.well-known/jwks.json`)
    assert.ok(body.keys.some(({ alg }) => alg === algorithm))
    for (const key of body.keys)
      assert.deepEqual(
        PRIVATE_MEMBERS.filter(member => member in key),
        [],
      )
  })
