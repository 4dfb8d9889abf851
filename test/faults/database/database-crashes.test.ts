import { test } from 'node:test'
import { holdsInShort } from '../../proof/short-form.ts'
import { databaseCrashes } from './database-crashes.ts'

test(databaseCrashes.claim, async () => {
  await holdsInShort(databaseCrashes)
})
