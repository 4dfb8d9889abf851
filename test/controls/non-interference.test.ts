import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { nonInterferenceOn } from '../models/non-interference/non-interference.ts'
import { violationsOf } from '../proof/experiment.ts'
import { runShort } from '../proof/short-form.ts'
import type { Alteration } from '../support/altered-source.ts'
import { guessesThatOnlyAccountsCount, requestsThatSpendPlaces, tellingHowEmailsFare } from './broken-builds.ts'

describe('a service that tells who has an account is found out by what a stranger tries at random', () => {
  const BUILDS: Record<string, Alteration[]> = {
    'an email by address that takes a place of the sign-ups only where there is an account': requestsThatSpendPlaces,
    'a state of mail that anybody may read': tellingHowEmailsFare,
    'guesses that are counted only where there is an account': guessesThatOnlyAccountsCount,
  }
  for (const [fault, alterations] of Object.entries(BUILDS))
    test(fault, async () => {
      const findings = await runShort(nonInterferenceOn(alterations, ['confirmed for 300 days']), 1)
      const found = violationsOf(findings).map(({ what }) => what)
      assert.deepEqual(
        found,
        ['sequences that show whether the address is unknown or confirmed for 300 days'],
        findings.remarks?.join('\n'),
      )
    })
})
