import { test } from 'node:test'
import { holdsInShort } from '../../proof/short-form.ts'
import { noLetterTwice } from './no-letter-twice.ts'

test(noLetterTwice.claim, async () => {
  await holdsInShort(noLetterTwice)
})
