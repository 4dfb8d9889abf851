import assert from 'node:assert/strict'
import { test } from 'node:test'
import { violationsOf } from '../../../proof/experiment.ts'
import { holdsInShort, runShort } from '../../../proof/short-form.ts'
import { smtpRefusals, tryRefusals } from './smtp-refusals.ts'

test(smtpRefusals.claim, async () => {
  await holdsInShort(smtpRefusals)
})

test('A service that takes each refusal for one of the address is found out', async () => {
  const broken = { ...smtpRefusals, trials: { short: 3, full: 3 } }
  broken.run = trial =>
    tryRefusals(trial, [
      {
        file: 'email/mail-error.ts',
        find: "if (replyCode < 500) return 'temporary'",
        replace: "if (replyCode > 0) return 'address_refused'",
      },
    ])
  assert.notDeepEqual(violationsOf(await runShort(broken, 1)), [])
})
