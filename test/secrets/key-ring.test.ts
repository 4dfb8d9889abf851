import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { KeyRing } from '../../src/secrets/key-ring.ts'
import { OtherKeys } from '../../src/secrets/other-keys.ts'
import { seal, unseal } from '../../src/secrets/sealing.ts'
import { RefreshTokens } from '../../src/sessions/refresh-token.ts'
import { UnavailableError } from '../../src/storage/unavailable.ts'

const key = (id: string) => `${id}:${Buffer.alloc(32, id).toString('base64')}`
const content = { sessionId: '019cbb9c-6d65-7a5c-8a5c-000000000000', generation: 7 }
const tokensOf = (keys: KeyRing) => new RefreshTokens(keys.for('refresh-token'))

describe('the secret keys', () => {
  for (const [text, needed] of [
    [`${key('k2')}:retired`, /first key that is not retired/],
    [`${key('k2')}:retired=2999-01-01T00:00:00Z,${key('k1')}`, /first key that is not retired/],
    [`${key('k2')}:unretired=2026-12-01T00:00:00Z,${key('k1')}`, /first key that is not retired, or unretired/],
    [`${key('k2')},${key('k1')}:unretired`, /:unretired=/],
    [`${key('k2')},${key('k1')}:unretired=yesterday`, /:unretired=/],
    [`${key('k2')},${key('k1')}:`, /:retired/],
    [`${key('k2')},${key('k1')}:Retired`, /:retired/],
    [`${key('k2')},${key('k1')}:retired=`, /:retired/],
    [`${key('k2')},${key('k1')}:retired=soon`, /:retired/],
    [`${key('k2')},${key('k1')}:retired=2026-12-01`, /:retired/],
    [`${key('k2')},${key('k1')}:retired=2026-12-01T00:00:00`, /its offset/],
    [`${key('k2')},${key('k1')}:retired=2026-13-01T00:00:00Z`, /:retired/],
    [`${key('k2')},${key('k1')}:retired:retired`, /:retired/],
    [`${key('k2')},${key('k1')};retired`, /base64/],
  ] as const)
    test(`like ${text.replaceAll(/[\w+/]{40,}=/g, '…')} are refused, and not repeated`, () =>
      assert.throws(
        () => KeyRing.parse(text),
        (error: Error) => needed.test(error.message) && !error.message.includes(key('k1').slice(3)),
      ))

  test('verify what an older one made until the moment it is retired, by the clock and not by the start', async () => {
    const token = tokensOf(KeyRing.parse(key('k1'))).make(content)
    let now = Date.parse('2026-11-30T23:59:59.999Z')
    const keys = KeyRing.parse(`${key('k2')},${key('k1')}:retired=2026-12-01T01:00:00+01:00`, () => now)
    const tokens = tokensOf(keys)
    assert.deepEqual(await tokens.open(token), content)
    assert.equal(keys.accepts('k1'), true)
    now++
    assert.equal(await tokens.open(token), undefined)
    assert.equal(keys.accepts('k1'), false)
    assert.deepEqual(await tokens.open(tokens.make(content)), content)
  })

  test('that are retired verify nothing, and open what they have sealed', async () => {
    const old = KeyRing.parse(key('k1'))
    const keys = KeyRing.parse(`${key('k2')},${key('k1')}:retired`)
    for (const purpose of ['refresh-token', 'confirmation-ticket', 'letter-token', 'device-token'])
      assert.equal(await keys.for(purpose).byId('k1'), undefined)
    assert.equal(await tokensOf(keys).open(tokensOf(old).make(content)), undefined)
    const sealed = seal(old.sealing, 'label', Buffer.from('content'))
    assert.equal(unseal(keys.sealing, 'label', sealed).toString(), 'content')
    assert.equal(seal(keys.sealing, 'label', Buffer.from('content')).sealedWith, 'k2')
  })
})

describe('a key that only other processes have', () => {
  /** The keys of a process that has k1, beside others that make with `made`. */
  function beside(made: string[]) {
    const counted = { lookUps: 0 }
    const others = new OtherKeys(['k1'], async () => {
      counted.lookUps++
      return made
    })
    return { counted, others, tokens: tokensOf(KeyRing.parse(key('k1')).beside(others)) }
  }
  const tokenOf = (id: string) => tokensOf(KeyRing.parse(key(id))).make(content)

  test('is told from one that nobody has: what it made is not called malformed', async () => {
    const made = ['k1']
    const { tokens, others } = beside(made)
    assert.equal(await tokens.open(tokenOf('k2')), undefined)
    await others.check()
    made.push('k2') // as a process does before it makes anything with it
    await assert.rejects(tokens.open(tokenOf('k2')), UnavailableError)
    await assert.rejects(others.check(), /"k2" is missing in AUTH_SECRET_KEY/)
    assert.equal(await tokens.open(tokenOf('k3')), undefined)
    assert.deepEqual(await tokens.open(tokenOf('k1')), content)
  })

  test('is looked for once a second at the most, however many ids strangers invent', async () => {
    const { counted, tokens } = beside(['k1', 'k2'])
    const invented = Array.from({ length: 1_000 }, (_, index) => tokenOf(`x${index}`))
    const began = performance.now()
    const opened = await Promise.all(invented.map(token => tokens.open(token)))
    for (const token of invented.slice(0, 2)) assert.equal(await tokens.open(token), undefined)
    assert.ok(opened.every(each => each === undefined))
    const seconds = (performance.now() - began) / 1_000
    assert.ok(counted.lookUps <= 1 + seconds, `${counted.lookUps} look-ups in ${seconds} s`)
    const before = counted.lookUps
    for (let round = 0; round < 100; round++) await assert.rejects(tokens.open(tokenOf('k2')), UnavailableError)
    assert.equal(counted.lookUps, before, 'a known one is not looked for again')
  })

  test('is not looked for where the token is garbled or of the wrong length', async () => {
    const { counted, tokens } = beside(['k1', 'k2'])
    const token = tokenOf('k2')
    for (const bad of [token.slice(0, -1), `${token}A`, token.replace('k2.', 'k3.'), 'authsvc_rt_k2.', ''])
      assert.equal(await tokens.open(bad), undefined)
    assert.equal(counted.lookUps, 0)
  })
})
