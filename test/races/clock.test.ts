import { test } from 'node:test'
import { holdsInShort } from '../proof/short-form.ts'
import { clocks } from './clock.ts'

test(clocks.claim, async () => {
  await holdsInShort(clocks)
})
