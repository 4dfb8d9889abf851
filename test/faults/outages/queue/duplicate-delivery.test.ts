import { test } from 'node:test'
import { holdsInShort } from '../../../proof/short-form.ts'
import { duplicateDelivery } from './duplicate-delivery.ts'

test(duplicateDelivery.claim, async () => {
  await holdsInShort(duplicateDelivery)
})
