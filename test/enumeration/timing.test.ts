import assert from 'node:assert/strict'
import { test } from 'node:test'
import { holdsInShort } from '../proof/short-form.ts'
import { timing } from './timing.ts'

test('No answer tells who has an account, while every latency is measured [R01]', async () => {
  const { measured, plots } = await holdsInShort(timing)
  assert.equal(plots!.length, 7)
  assert.ok(measured.every(({ value }) => Number.isFinite(value)))
})
