import { test } from 'node:test'
import { holdsInShort } from '../proof/short-form.ts'
import { singleUse } from './single-use.ts'

test(singleUse.claim, async () => {
  await holdsInShort(singleUse)
})
