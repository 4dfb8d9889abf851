import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgePassword, normalizePassword } from '../../src/passwords/password-policy.ts'

const context = { email: 'ann.example@example.com', serviceName: 'Dragon Club', minLength: 8 }

function judge(password: string, changes: Partial<typeof context> = {}) {
  return judgePassword(password, { ...context, ...changes })
}

const accepted = (password: string) => ({ accepted: password })
const tooShort = { refused: 'password_too_short' }
const tooLong = { refused: 'password_too_long' }
const tooCommon = { refused: 'password_too_common' }

test('the composed and the decomposed form of a password are the same password [R26]', () => {
  const composed = 'Gl\u00fccksk\u00e4fer'
  const decomposed = 'Glu\u0308ckska\u0308fer'
  assert.notEqual(composed, decomposed)
  assert.deepEqual(judge(decomposed), accepted(composed))
  assert.equal(normalizePassword(decomposed), normalizePassword(composed))
})

test('compatibility characters are the plain ones', () => {
  assert.equal(normalizePassword('ｆｕｌｌｗｉｄｔｈ ﬁ ①'), 'fullwidth fi 1')
})

test('setting a password and signing in bring it into the same form', () => {
  for (const password of ['ｐａｓｓage of time', 'ordinary words', '\ud83d half an emoji', 'x'.repeat(256)]) {
    assert.deepEqual(judge(password), { accepted: normalizePassword(password) })
  }
})

test('one code point below the minimum is too short, the minimum is not [R24]', () => {
  assert.deepEqual(judge('qvxzkwj'), tooShort)
  assert.deepEqual(judge('qvxzkwjp'), accepted('qvxzkwjp'))
})

test('the minimum is a setting [R24]', () => {
  assert.deepEqual(judge('qvxzkwjpqvxzkw', { minLength: 15 }), tooShort)
  assert.deepEqual(judge('qvxzkwjpqvxzkwj', { minLength: 15 }), accepted('qvxzkwjpqvxzkwj'))
})

test('256 code points are accepted, 257 are too long [R25]', () => {
  assert.deepEqual(judge('x'.repeat(256)), accepted('x'.repeat(256)))
  assert.deepEqual(judge('x'.repeat(257)), tooLong)
})

test('an astral code point counts as one [R24]', () => {
  assert.deepEqual(judge('🦔'.repeat(7)), tooShort)
  assert.deepEqual(judge('🦔'.repeat(8)), accepted('🦔'.repeat(8)))
  assert.deepEqual(judge('🦔'.repeat(256)), accepted('🦔'.repeat(256)))
})

test('1,024 bytes are accepted, 1,025 are refused although NFKC would make them few', () => {
  const border = `${'u\u031b\u0301'.repeat(204)}qvxz` // 204 letters of 5 bytes, and 4 of one
  assert.equal(Buffer.byteLength(border), 1024)
  assert.deepEqual(judge(border), accepted(`${'\u1ee9'.repeat(204)}qvxz`))
  assert.deepEqual(judge(`${border}k`), tooLong)
  assert.equal(normalizePassword(`${border}k`), undefined)
})

test('a password that NFKC makes longer than 256 code points is too long', () => {
  assert.deepEqual(judge('\ufdfa'.repeat(14)), accepted('\ufdfa'.repeat(14).normalize('NFKC'))) // 14 × 18 = 252
  assert.deepEqual(judge('\ufdfa'.repeat(15)), tooLong)
})

test('a password over the limits is not made ready for hashing at a sign-in [R25]', () => {
  assert.equal(normalizePassword('x'.repeat(257)), undefined)
  assert.equal(normalizePassword('x'.repeat(10_000_000)), undefined)
})

test('a sign-in sets no minimum, so that raising the setting locks nobody out', () => {
  assert.equal(normalizePassword('short'), 'short')
})

test('nothing is trimmed or cut, spaces and control characters included [R25]', () => {
  assert.equal(normalizePassword('  two  spaces\u0000\t '), '  two  spaces\u0000\t ')
})

test('half a surrogate pair is read as U+FFFD, as a browser sends it from a form', () => {
  assert.equal(normalizePassword('abcdefgh\ud83d'), 'abcdefgh\ufffd')
  assert.equal(normalizePassword('\ude94abcdefgh'), '\ufffdabcdefgh')
})

test('characters that were lost on the way make a password no longer', () => {
  assert.deepEqual(judge('\ufffd'.repeat(8)), tooShort)
  assert.deepEqual(judge('\ud83d'.repeat(8)), tooShort)
  assert.deepEqual(judge('qvxzkwj\ufffd'), tooShort)
  assert.deepEqual(judge('qvxzkwjp\ufffd'), accepted('qvxzkwjp\ufffd'))
})

test('common passwords are refused in any case and any form [R27]', () => {
  for (const password of [
    'password',
    'PASSWORD',
    'Password1',
    'QwertyUIOP',
    '12345678',
    'iLoveYou',
    'ＴＲＵＳＴＮＯ１',
  ]) {
    assert.deepEqual(judge(password), tooCommon, password)
  }
})

test('a common password within a longer one is accepted', () => {
  assert.deepEqual(judge('password of Ann'), accepted('password of Ann'))
})

test('the address and its local part are refused in any case, a longer text with them is not [R27]', () => {
  assert.deepEqual(judge('Ann.Example@Example.com'), tooCommon)
  assert.deepEqual(judge('ANN.example'), tooCommon)
  assert.deepEqual(judge('ann.example!'), accepted('ann.example!'))
  assert.deepEqual(judge('ann.example', { email: 'bob@example.com' }), accepted('ann.example'))
})

test('the name of the service is refused in any case [R27]', () => {
  assert.deepEqual(judge('dragon CLUB'), tooCommon)
  assert.deepEqual(judge('dragon CLUB', { serviceName: 'Straße Club' }), accepted('dragon CLUB'))
  assert.deepEqual(judge('STRASSE club', { serviceName: 'Straße Club' }), tooCommon)
})

test('no mixture of characters is asked for [R26]', () => {
  assert.deepEqual(judge('correct horse battery staple'), accepted('correct horse battery staple'))
})
