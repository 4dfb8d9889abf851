import assert from 'node:assert/strict'
import { test } from 'node:test'
import { violationsOf } from '../../../proof/experiment.ts'
import { holdsInShort, runShort } from '../../../proof/short-form.ts'
import { poisonMessages, poisonQueue } from './poison-messages.ts'

test(poisonMessages.claim, async () => {
  await holdsInShort(poisonMessages)
})

test('A worker that looks at no shape is found out', async () => {
  const broken = { ...poisonMessages, trials: { short: 50, full: 50 } }
  broken.run = trial =>
    poisonQueue(trial, [
      { file: 'storage/queue.ts', find: 'if (!isOfKind(job.data, kind)) {', replace: 'if (!kind) {' },
    ])
  assert.notDeepEqual(violationsOf(await runShort(broken, 1)), [])
})
