import { test } from 'node:test'
import { holdsInShort } from '../../../proof/short-form.ts'
import { poisonMessages } from './poison-messages.ts'

test(poisonMessages.claim, async () => {
  await holdsInShort(poisonMessages)
})
