import { test } from 'node:test'
import { holdsInShort } from '../proof/short-form.ts'
import { refreshRaces } from './refresh-races.ts'

test(refreshRaces.claim, async () => {
  await holdsInShort(refreshRaces)
})
