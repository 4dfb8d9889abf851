import { test } from 'node:test'
import { holdsInShort } from '../../../proof/short-form.ts'
import { diskFull } from './disk-full.ts'

test(diskFull.claim, async () => {
  await holdsInShort(diskFull)
})
