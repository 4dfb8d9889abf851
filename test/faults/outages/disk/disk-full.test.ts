import assert from 'node:assert/strict'
import { test } from 'node:test'
import { violationsOf } from '../../../proof/experiment.ts'
import { holdsInShort, runShort } from '../../../proof/short-form.ts'
import { diskFull, fillDisk } from './disk-full.ts'

test(diskFull.claim, async () => {
  await holdsInShort(diskFull)
})

test('A service that takes a full disk for a fault of its own is found out', async () => {
  const broken = { ...diskFull, trials: { short: 30, full: 30 } }
  broken.run = trial =>
    fillDisk(trial, [
      { file: 'storage/unavailable.ts', find: "['08', '40', '53', '57', '58']", replace: "['08', '40', '57', '58']" },
    ])
  assert.notDeepEqual(violationsOf(await runShort(broken, 1)), [])
})
