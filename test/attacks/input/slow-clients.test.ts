import { test } from 'node:test'
import { holdsInShort } from '../../proof/short-form.ts'
import { slowClients } from './slow-clients.ts'

test('[R77] clients that never finish a request are closed, and hold nobody up', async () => {
  await holdsInShort(slowClients)
})
