import { test } from 'node:test'
import { holdsInShort } from '../../proof/short-form.ts'
import { guesses } from './guesses.ts'

test(`${guesses.claim} [R37]`, async () => {
  await holdsInShort(guesses)
})
