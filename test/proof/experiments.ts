import { malformedInput } from '../attacks/input/malformed-input.ts'
import { slowClients } from '../attacks/input/slow-clients.ts'
import { guesses } from '../attacks/owners/guesses.ts'
import { starvedEmails } from '../attacks/owners/starved-emails.ts'
import { verifier } from '../attacks/tokens/verifier.ts'
import { timing } from '../enumeration/timing.ts'
import { databaseCrashes } from '../faults/database/database-crashes.ts'
import { embeddedSurvivesKills } from '../faults/kills/embedded-survives-kills.ts'
import { killsAtEveryStep } from '../faults/kills/kills-at-every-step.ts'
import { negativeControls } from '../faults/kills/negative-controls.ts'
import { noLetterTwice } from '../faults/kills/no-letter-twice.ts'
import { signUpsSurviveKills } from '../faults/kills/sign-ups-survive-kills.ts'
import { nthCall } from '../faults/nth-call/nth-call.ts'
import { blackhole } from '../faults/outages/database/blackhole.ts'
import { readOnlyFailover } from '../faults/outages/database/read-only-failover.ts'
import { rowLock } from '../faults/outages/database/row-lock.ts'
import { diskFull } from '../faults/outages/disk/disk-full.ts'
import { smtpOutage } from '../faults/outages/mail/smtp-outage.ts'
import { smtpRefusals } from '../faults/outages/mail/smtp-refusals.ts'
import { duplicateDelivery } from '../faults/outages/queue/duplicate-delivery.ts'
import { poisonMessages } from '../faults/outages/queue/poison-messages.ts'
import { keyRotation } from '../load/key-rotation.ts'
import { secretKeyChange } from '../load/secret-key-change.ts'
import { signInFlood } from '../load/sign-in-flood.ts'
import { histories, historiesWithCrashes } from '../models/histories.ts'
import { nonInterference } from '../models/non-interference/non-interference.ts'
import { mutation } from '../mutation/mutation.ts'
import { clocks } from '../races/clock.ts'
import { lostAnswerRaces } from '../races/lost-answer-races.ts'
import { refreshRaces } from '../races/refresh-races.ts'
import { singleUse } from '../races/single-use.ts'
import type { Experiment } from './experiment.ts'

/** Every experiment, in the order of docs/proof.md. */
export const EXPERIMENTS: readonly Experiment[] = [
  signUpsSurviveKills, // F1
  noLetterTwice, // F2
  killsAtEveryStep, // F1-steps
  negativeControls, // F1-controls
  smtpOutage, // F3
  smtpRefusals, // F4
  poisonMessages, // F5
  refreshRaces, // F6
  lostAnswerRaces, // F6-lost
  histories, // F7
  historiesWithCrashes, // F7-kills
  databaseCrashes, // F8
  signInFlood, // F9
  slowClients, // F11
  malformedInput, // F12
  clocks, // F13
  diskFull, // F14
  embeddedSurvivesKills, // F15
  duplicateDelivery, // F16
  timing, // F17
  keyRotation, // F18
  secretKeyChange, // F18-secret
  mutation, // F19
  nthCall, // F20
  nonInterference, // F21
  blackhole, // F22
  readOnlyFailover, // F23
  rowLock, // F24
  starvedEmails, // F25
  guesses, // F26
  verifier, // R59
  singleUse, // R89
]
