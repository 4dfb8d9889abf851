import assert from 'node:assert/strict'
import { test } from 'node:test'
import { violationsOf } from '../proof/experiment.ts'
import { holdsInShort, runShort } from '../proof/short-form.ts'
import { runSignInFlood, signInFlood } from './sign-in-flood.ts'

test('a flood of sign-ins fails no refresh and no honest sign-in [R31, R37]', async () => {
  await holdsInShort(signInFlood)
})

test('a service that fails some refreshes under a flood is found out', async () => {
  const failing = {
    file: 'sessions/routes.ts',
    find: 'const exchange = await sessions',
    replace: "if (Math.random() < 0.2) throw new Error('broken on purpose')\nconst exchange = await sessions",
  }
  const broken = { ...signInFlood, trials: { short: 1, full: 1 } }
  const findings = await runShort({ ...broken, run: trial => runSignInFlood(trial, [failing]) }, 1)
  assert.match(
    violationsOf(findings)
      .map(({ what }) => what)
      .join(),
    /refreshes that failed/,
  )
})
