import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { guessesOn } from '../attacks/owners/guesses.ts'
import { starvedEmailsOn } from '../attacks/owners/starved-emails.ts'
import { violationsOf } from '../proof/experiment.ts'
import { runShort } from '../proof/short-form.ts'
import type { Alteration } from '../support/altered-source.ts'
import {
  extraPlaceForTheOldest,
  extraPlacesWithoutEnd,
  withoutDeviceLinks,
  withoutExtraPlaces,
} from './broken-builds.ts'

describe('a service that lets strangers starve or flood an address is found out', () => {
  const A_BURST = 0 // the seed, which chooses the pattern
  const starved = /^sign-ups of owners after which no email to them or to anybody newer left within an hour/m
  const BUILDS: [fault: string, alterations: Alteration[], found: RegExp][] = [
    ['no place beyond the regular ones', withoutExtraPlaces, starved],
    ['the extra place for the oldest sign-up', extraPlaceForTheOldest, starved],
    ['an extra place each minute', extraPlacesWithoutEnd, /^addresses that got more than 41 emails in a day/m],
  ]
  for (const [fault, alterations, found] of BUILDS)
    test(fault, async () => {
      const once = { ...starvedEmailsOn(alterations), trials: { short: 1, full: 1 } }
      const findings = await runShort(once, A_BURST)
      const violations = violationsOf(findings).map(({ what }) => what)
      assert.match(violations.join('\n'), found)
    })
})

test('a service that sends no device link when guesses have blocked sign-in is found out', async () => {
  const findings = await runShort(guessesOn(withoutDeviceLinks), 1)
  const violations = violationsOf(findings).map(({ what }) => what)
  assert.deepEqual(violations, ['new devices of the owner that guesses kept out'])
})
