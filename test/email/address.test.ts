import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { canonicalEmailAddress, maskedEmailAddress } from '../../src/email/address.ts'

const LONG_LABELS = `${'b'.repeat(63)}.`.repeat(3) // 192 bytes

/** The address with soft hyphens in its domain, which are left out of its canonical form. */
const lengthened = (address: string, length: number): string =>
  address.replace('example', `exam${'\u00ad'.repeat(length - address.length)}ple`)

describe('an address becomes canonical [R15, R16, R17]', () => {
  const spellings: Record<string, string> = {
    'ANN@Example.COM': 'ann@example.com',
    'ann+tag@example.com': 'ann+tag@example.com',
    'a.n.n@example.com': 'a.n.n@example.com',
    'ann\uff20example.com': 'ann@example.com', // full-width commercial at
    'ann\ufe6bexample.com': 'ann@example.com', // small commercial at
    '\u212Aate@example.com': 'kate@example.com', // Kelvin sign
    '\ufb01@example.com': 'fi@example.com', // ligature
    'ann@bücher.example': 'ann@xn--bcher-kva.example',
    'ann@BÜCHER.example': 'ann@xn--bcher-kva.example',
    'ann@xn--bcher-kva.example': 'ann@xn--bcher-kva.example',
    'ann@faß.example': 'ann@xn--fa-hia.example',
    'ann@example\u3002com': 'ann@example.com', // ideographic full stop
    'ann@exam\u00adple.com': 'ann@example.com', // soft hyphen
    'ann@1.example': 'ann@1.example',
    [`${'a'.repeat(64)}@example.com`]: `${'a'.repeat(64)}@example.com`,
    [`a@${'b'.repeat(63)}.example`]: `a@${'b'.repeat(63)}.example`,
    [`a@${LONG_LABELS}${'c'.repeat(60)}`]: `a@${LONG_LABELS}${'c'.repeat(60)}`, // 254 bytes
    'ann@example.1st': 'ann@example.1st',
    'ann@example.x': 'ann@example.x',
    [lengthened('ann@example.com', 1_000)]: 'ann@example.com',
  }
  for (const [typed, canonical] of Object.entries(spellings))
    test(JSON.stringify(typed).slice(0, 60), () => assert.equal(canonicalEmailAddress(typed), canonical))
})

describe('no mail goes to [R15]', () => {
  const refused = [
    '',
    'ann',
    '@example.com',
    'ann@',
    'ann@localhost',
    'ann@example.com ',
    ' ann@example.com',
    'an n@example.com',
    'ann@example.com\n',
    'ann@example.com\r\nRCPT TO:<evil@example.com>',
    'ann\0@example.com',
    'ann@exam\tple.com',
    'ann@b@example.com',
    'ann\uff20b@example.com',
    '"e@attacker.com"@victim.com',
    '"ann"@example.com',
    'a<x@evil.com>@example.com',
    'Ann <ann@example.com>',
    'evil@evil.com (ann@example.com)',
    'ann@example.com, evil@example.com',
    'a@x,b@y',
    'team: a@evil.com, b@evil.com;',
    '.ann@example.com',
    'ann.@example.com',
    'a..nn@example.com',
    'änn@example.com',
    '\u0130@example.com', // its lower case is two characters
    'ann@example.com.',
    'ann@.example.com',
    'ann@example..com',
    'ann@-example.com',
    'ann@example-.com',
    'ann@exa_mple.com',
    'ann@ex%61mple.com',
    'ann@example.com:25',
    'ann@example.com/x',
    'ann@127.0.0.1',
    'ann@[127.0.0.1]',
    'ann@[IPv6:::1]',
    'ann@0x7f.1',
    'ann@2130706433',
    'ann@example.123',
    `${'a'.repeat(65)}@example.com`,
    `a@${'b'.repeat(64)}.com`,
    `a@${'bcd.'.repeat(63)}com`,
    `a@${LONG_LABELS}${'c'.repeat(61)}`, // 255 bytes
    lengthened('ann@example.com', 1_001),
    `${'a'.repeat(5_000_000)}@example.com`,
  ]
  for (const typed of refused)
    test(JSON.stringify(typed).slice(0, 60), () => assert.equal(canonicalEmailAddress(typed), undefined))
})

const likeAnAddress = fc.oneof(
  fc.emailAddress(),
  fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })).map(parts => parts.join('@')),
  fc
    .tuple(fc.emailAddress(), fc.constantFrom('\uff20', '\u3002', '\u00ad', '"', ',', '%', 'ß', 'İ'))
    .map(parts => parts.join('')),
  fc
    .tuple(fc.constant('ann@'), fc.domain(), fc.string({ unit: 'binary' }), fc.constant('.example'))
    .map(parts => parts.join('')),
)

test('whatever is typed, a canonical address is plain, short and its own canonical form [R15]', () => {
  fc.assert(
    fc.property(likeAnAddress, typed => {
      const address = canonicalEmailAddress(typed)
      if (address === undefined) return
      assert.match(address, /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]*[a-z-][a-z0-9-]*$/)
      assert.doesNotMatch(address, /\.\.|^\.|\.@|@.*(-\.|\.-)|@-|-$/)
      assert.ok(Buffer.byteLength(address) <= 254)
      assert.equal(canonicalEmailAddress(address), address)
      assert.equal(canonicalEmailAddress(address.toUpperCase()), address)
    }),
    { numRuns: 20_000 },
  )
})

test('ordinary addresses are taken', () => {
  fc.assert(fc.property(fc.emailAddress(), typed => canonicalEmailAddress(typed) !== undefined))
})

test('a masked address tells the domain and one letter', () => {
  assert.equal(maskedEmailAddress('ann@example.com'), 'a***@example.com')
  assert.equal(maskedEmailAddress('a@example.com'), 'a***@example.com')
  assert.equal(maskedEmailAddress('nothing'), '***')
  assert.equal(maskedEmailAddress('@example.com'), '***')
})
