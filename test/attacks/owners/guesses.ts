import { join } from 'node:path'
import { FOR_WORLDS } from '../../models/non-interference/world-alterations.ts'
import { runAltered } from '../../proof/altered-trial.ts'
import type { Experiment } from '../../proof/experiment.ts'
import type { Alteration } from '../../support/altered-source.ts'

export const guesses: Experiment = guessesOn([])

/** @param alterations of the service, which break the claim */
export function guessesOn(alterations: Alteration[]): Experiment {
  return {
    id: alterations.length === 0 ? 'F26' : 'F26-control',
    title: 'Guessing that goes on for a day',
    claim:
      'Guesses at an address from any number of networks, however long they go on, keep its owner off no new device: a link in an ' +
      'email lets each in within a minute. Of the guesses 100 are verified, and one more each quarter of an hour; the owner gets ' +
      'at most 4 emails a day, and one more for each link used.',
    command: 'prove',
    proves: ['R37'],
    trials: { short: 500, full: 10_000 },
    run: trial => {
      const entry = join(import.meta.dirname, 'guesses-process.ts')
      return runAltered(entry, trial, undefined, [...FOR_WORLDS, ...alterations])
    },
  }
}
