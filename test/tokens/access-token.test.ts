import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { AccessTokens } from '../../src/tokens/access-token.ts'

/** Access tokens that are verified with the keys that `verification` finds. */
function accessTokens(verification: () => Promise<never>): AccessTokens {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return new AccessTokens({
    keys: {
      current: { id: 'one', algorithm: 'ES256', privateKey },
      algorithms: ['ES256'],
      verification: Object.assign(verification, { jwks: () => ({ keys: [] }) }),
    },
    issuer: () => 'http://localhost',
    audience: () => 'http://localhost',
    clientId: 'default',
    ttl: 300,
    now: Date.now,
  })
}

test('a fault while verifying is thrown, and not taken for a bad token', async () => {
  const tokens = accessTokens(() => Promise.reject(new Error('the keys are gone')))
  const token = tokens.issue({ accountId: 'account', sessionId: 'session', authenticatedAt: new Date(), amr: ['pwd'] })
  await assert.rejects(tokens.verify(token), /the keys are gone/)
  assert.equal(await tokens.verify('no token'), undefined)
})

test('[R77] nothing of a token that has not three parts is decoded', async (t: TestContext) => {
  const tokens = accessTokens(() => Promise.reject(new Error('no key is looked for')))
  const decode = t.mock.method(Buffer, 'from')
  for (const token of ['.'.repeat(16_000), 'AA.'.repeat(5_000), 'AA.AA.AA.AA', 'AA.AA', ''])
    assert.equal(await tokens.verify(token), undefined)
  assert.equal(decode.mock.callCount(), 0)
})
