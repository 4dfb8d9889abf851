import assert from 'node:assert/strict'
import { test } from 'node:test'
import { violationsOf } from '../proof/experiment.ts'
import { holdsInShort, runShort } from '../proof/short-form.ts'
import { keyRotation, runKeyRotation } from './key-rotation.ts'

test('verifiers that cache the key set accept every good token while keys are rotated [R63, R64]', async () => {
  await holdsInShort(keyRotation)
})

test('a service that drops a key as soon as it has signed its last token is found out', async () => {
  const dropped = {
    file: 'tokens/signing-key-store.ts',
    find: 'accessTokenTtl + KEPT_AFTER_EXPIRY',
    replace: '0 * (accessTokenTtl + KEPT_AFTER_EXPIRY)',
  }
  const findings = await runShort({ ...keyRotation, run: trial => runKeyRotation(trial, [dropped]) }, 1)
  assert.match(
    violationsOf(findings)
      .map(({ what }) => what)
      .join(),
    /good tokens that a verifier refused/,
  )
})
