import { test } from 'node:test'
import { holdsInShort } from '../../../proof/short-form.ts'
import { smtpRefusals } from './smtp-refusals.ts'

test(smtpRefusals.claim, async () => {
  await holdsInShort(smtpRefusals)
})
