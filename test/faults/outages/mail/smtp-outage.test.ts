import { test } from 'node:test'
import { holdsInShort } from '../../../proof/short-form.ts'
import { smtpOutage } from './smtp-outage.ts'

test(smtpOutage.claim, async () => {
  await holdsInShort(smtpOutage)
})
