import { join } from 'node:path'
import { FOR_WORLDS } from '../../models/non-interference/world-alterations.ts'
import { runAltered } from '../../proof/altered-trial.ts'
import type { Experiment } from '../../proof/experiment.ts'
import type { Alteration } from '../../support/altered-source.ts'
import { PATTERNS } from './hostile-sign-ups.ts'

export const starvedEmails: Experiment = starvedEmailsOn([])

/** @param alterations of the service, which break the claim */
export function starvedEmailsOn(alterations: Alteration[]): Experiment {
  return {
    id: alterations.length === 0 ? 'F25' : 'F25-control',
    title: 'An address that strangers flood',
    claim:
      'However many others sign up with an address and ask for emails to it, from 75 networks and more: within an hour of a ' +
      'sign-up from a network that has had no email, that email leaves, or that of a newer such sign-up; and no day brings ' +
      'more than 41 emails to an address, or 61 to all its +tag variants.',
    command: 'prove',
    proves: ['R14'],
    trials: { short: 2, full: 10 * PATTERNS.length },
    run: trial => {
      const entry = join(import.meta.dirname, 'starved-emails-process.ts')
      return runAltered(entry, trial, undefined, [...FOR_WORLDS, ...alterations])
    },
  }
}
