import assert from 'node:assert/strict'
import { test } from 'node:test'
import { violationsOf } from '../../../proof/experiment.ts'
import { holdsInShort, runShort } from '../../../proof/short-form.ts'
import { duplicateDelivery, repeatDeliveries } from './duplicate-delivery.ts'

test(duplicateDelivery.claim, async () => {
  await holdsInShort(duplicateDelivery)
})

test('A worker that sends what was sent is found out', async () => {
  const broken = { ...duplicateDelivery, trials: { short: 4, full: 4 } }
  broken.run = trial =>
    repeatDeliveries(trial, [
      {
        file: 'confirmation/letters/deliver-letter.ts',
        find: '  if (letter.sentAt || letter.failedAt) return',
        replace: '',
      },
    ])
  assert.notDeepEqual(violationsOf(await runShort(broken, 1)), [])
})
