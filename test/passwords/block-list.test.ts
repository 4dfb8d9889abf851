import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dictionary } from '@zxcvbn-ts/language-common'
import { isCommonPassword } from '../../src/passwords/block-list.ts'

test('the 3,000 commonest passwords of at least 8 characters are in the list [R27]', () => {
  const longEnough = dictionary['passwords-common'].filter(password => password.length >= 8)
  const commonest = longEnough.slice(0, 3000)
  assert.equal(commonest.length, 3000)
  assert.equal(new Set(commonest).size, 3000)
  assert.deepEqual(
    commonest.filter(password => !isCommonPassword(password) || !isCommonPassword(password.toUpperCase())),
    [],
  )
})

test('samples that people take when 8 characters are asked for are in the list', () => {
  const samples = ['password1', 'password123', 'passw0rd', 'qwerty123', '1q2w3e4r', 'letmein1', 'admin123', 'changeme']
  assert.deepEqual(
    samples.filter(sample => !isCommonPassword(sample)),
    [],
  )
})

test('a password is compared as a whole', () => {
  for (const password of ['password ', 'xpassword1x', 'correct horse battery staple', '']) {
    assert.equal(isCommonPassword(password), false, password)
  }
})
