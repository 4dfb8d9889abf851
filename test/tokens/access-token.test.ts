import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { AccessTokens } from '../../src/tokens/access-token.ts'

test('a fault while verifying is thrown, and not taken for a bad token', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const tokens = new AccessTokens({
    keys: {
      current: { id: 'one', algorithm: 'ES256', privateKey },
      algorithms: ['ES256'],
      verification: Object.assign(() => Promise.reject(new Error('the keys are gone')), { jwks: () => ({ keys: [] }) }),
    },
    issuer: () => 'http://localhost',
    audience: () => 'http://localhost',
    clientId: 'default',
    ttl: 300,
    now: Date.now,
  })
  const token = tokens.issue({ accountId: 'account', sessionId: 'session', authenticatedAt: new Date(), amr: ['pwd'] })
  await assert.rejects(tokens.verify(token), /the keys are gone/)
  assert.equal(await tokens.verify('no token'), undefined)
})
