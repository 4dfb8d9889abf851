import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { SigningKeys } from '../../../src/tokens/signing-keys.ts'
import { holdsInShort } from '../../proof/short-form.ts'
import { confirmedAtOnce, keyRingOf, startUnlimitedService } from '../../support/genuine-secrets.ts'
import { rawRequest, sendRaw } from '../../support/raw-http.ts'
import { exchange, send, signIn, type TestService } from '../../support/service.ts'
import { twinOf } from './hostile-spellings.ts'
import type { TokenForge } from './token-forge.ts'
import { forgeFor, hostileTokens, verifier } from './verifier.ts'

test('[R59] [R56] no forged or altered access token passes the verifier (jsonwebtoken CVE-2022-23539 to -23541, fast-jwt CVE-2023-48223, CVE-2026-34950)', async () => {
  await holdsInShort(verifier)
})

describe('the own account', () => {
  let service: TestService
  let forge: TokenForge
  before(async () => {
    service = await startUnlimitedService('PGlite')
    const account = await confirmedAtOnce(service)
    const { body } = await exchange(service, await signIn(service, account))
    const keys = await SigningKeys.open({
      database: service.service.database,
      sealing: keyRingOf(service).sealing,
      algorithm: 'ES256',
      accessTokenTtl: 300,
    })
    forge = forgeFor(keys, body.access_token)
  })
  after(() => service[Symbol.asyncDispose]())

  const read = async (token: string) => {
    const bytes = rawRequest('GET', '/v1/account', { authorization: `Bearer ${token}` })
    return (await sendRaw(service.service.port, bytes)).answers[0]?.status
  }

  test('[R59] is read with the genuine token, and with none of the hostile ones', async () => {
    assert.equal(await read(forge.genuine.token), 200)
    const tokens = hostileTokens(forge).filter(({ token }) => !/[\r\n]/.test(token))
    assert.ok(tokens.length >= 60)
    const accepted: string[] = []
    for (const { name, token } of tokens) {
      const status = await read(token)
      if (status === 200 && !/^spelling: a space (in front|behind)$/.test(name)) accepted.push(name) // of the header, not of the token
      assert.ok(status === undefined || status < 500, `${name}: ${status}`)
    }
    assert.deepEqual(accepted, [])
  })

  test('[R59] an ES256 token has a twin that verifies too, so nothing rests on the text of a token', async () => {
    const twin = twinOf(forge)
    assert.notEqual(twin, forge.genuine.token)
    assert.equal(await read(twin), 200)
    assert.equal((await send(`${service.url}/oauth2/revoke`, { form: { token: forge.genuine.token } })).status, 200)
    assert.equal(await read(twin), 401, 'what is revoked is the session, not the text')
  })
})
