import { setTimeout as pause } from 'node:timers/promises'
import { UNCONFIRMED_FOR } from '../../accounts/account-store.ts'
import { MailError } from '../../email/mail-error.ts'
import type { Mailer } from '../../email/mailer.ts'
import type { Database } from '../../storage/database.ts'
import { lastOutcomeTo, type Outcome, recordShown } from './held-letter-store.ts'
import type { Letter } from './letter-store.ts'

export type HoldLetterNeeds = {
  database: Database
  mailer: Mailer
  /** Seconds that a link is good, from its sending. */
  linkLifetime: number
}

const LONGEST_PAUSE = 10_000 // milliseconds
const LOOKS = 5 // for the outcome of letters to the address that are under way
const LOOKS_AGAIN_AFTER = 20 // milliseconds at the least

/**
 * Holds a letter that the limits do not release, so that nobody can tell: its ticket shows what it would show if the
 * letter had been sent now. Otherwise whoever signs up with an address would learn whether others did.
 *
 * So it takes as long as the last delivery did; it is shown as sent only if the mail server takes letters, and took
 * the last one to this address; as undeliverable if it refused that one. Else it is tried again, as a delivery is.
 *
 * @throws MailError when the letter stays queued and is to be tried again
 */
export async function holdLetter(needs: HoldLetterNeeds, letter: Letter): Promise<void> {
  const { database, linkLifetime } = needs
  const show = (outcome: 'sent' | 'undeliverable') =>
    recordShown(database, letter.id, outcome, { lifetime: linkLifetime, unconfirmedFor: UNCONFIRMED_FOR })
  try {
    const outcome = await outcomeLike(needs, letter)
    if (outcome === 'sent' || outcome === 'undeliverable') return await show(outcome)
    throw new MailError('temporary', 'a held letter is not shown as sent while the last one to its address is not')
  } catch (error) {
    if (error instanceof MailError && letter.isOverdue) return show('undeliverable')
    throw error
  }
}

/** What would become of the letter if it were sent. @throws MailError when the mail server takes none */
async function outcomeLike({ database, mailer }: HoldLetterNeeds, letter: Letter): Promise<Outcome | undefined> {
  // Then it stays queued, whatever the mail server would say now. Each question is a sign-in there.
  if ((await lastOutcomeTo(database, letter)) === 'deferred') return 'deferred'
  const delivery = Math.min(mailer.lastDelivery(), LONGEST_PAUSE)
  await Promise.all([mailer.check(), pause(delivery)])
  for (let look = 1; ; look++) {
    const outcome = await lastOutcomeTo(database, letter)
    if (outcome || look === LOOKS) return outcome
    await pause(Math.max(delivery, LOOKS_AGAIN_AFTER))
  }
}
