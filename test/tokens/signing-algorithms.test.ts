import assert from 'node:assert/strict'
import { verify } from 'node:crypto'
import { test } from 'node:test'
import { SIGNING_ALGORITHMS } from '../../src/tokens/signing-algorithms.ts'

const MOST_TRIED = 50_000 // one integer in 256 is short, so after these none would have been with odds of 1 to 10^84

test('an ES256 signature has its two integers side by side, 32 bytes each, also where one is short (RFC 7518 section 3.4)', async () => {
  const { privateKey, publicKey } = await SIGNING_ALGORITHMS.ES256.generate()
  const isShort = { r: false, s: false }
  for (let tried = 0; !(isShort.r && isShort.s); tried++) {
    assert.ok(tried < MOST_TRIED, 'no short integer has come')
    const input = Buffer.from(`input ${tried}`)
    const signature = SIGNING_ALGORITHMS.ES256.sign(privateKey, input)
    assert.equal(signature.length, 64)
    assert.ok(verify('sha256', input, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature))
    if (signature[0] === 0) isShort.r = true
    if (signature[32] === 0) isShort.s = true
  }
})
