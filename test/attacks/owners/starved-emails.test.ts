import { test } from 'node:test'
import { holdsInShort } from '../../proof/short-form.ts'
import { starvedEmails } from './starved-emails.ts'

test(`${starvedEmails.claim} [R14]`, async () => {
  await holdsInShort(starvedEmails)
})
