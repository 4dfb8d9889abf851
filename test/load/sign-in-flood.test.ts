import { test } from 'node:test'
import { holdsInShort } from '../proof/short-form.ts'
import { signInFlood } from './sign-in-flood.ts'

test('a flood of sign-ins fails no refresh and no honest sign-in [R31, R37]', async () => {
  await holdsInShort(signInFlood)
})
