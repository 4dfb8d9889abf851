import type { AttemptLimits } from '../../limits/attempt-limits.ts'
import { LimitRefusal } from '../../limits/errors.ts'
import { type Database, type DatabaseTransaction, inTransaction } from '../../storage/database.ts'
import type { Queue } from '../../storage/queue.ts'
import { letterRequested } from '../messages.ts'
import {
  boundLockWaits,
  hasPlaceFor,
  lockLettersTo,
  mailboxesOfHeldLetters,
  releaseLettersTo,
} from './letter-limit-store.ts'
import type { Letter } from './letter-store.ts'

export type LetterLimitsNeeds = { database: Database; queue: Queue }

/**
 * Releases the letter of a sign-up or of a ticket, if the limits permit: nobody's mailbox is to be flooded, and no mail
 * server should come to doubt us. One that is not released is held, and another message sends it later.
 *
 * @returns false when it is not to be sent now
 */
export async function releaseLetter(
  { queue }: Pick<LetterLimitsNeeds, 'queue'>,
  transaction: DatabaseTransaction,
  letter: Letter,
): Promise<boolean> {
  await lockLettersTo(transaction, letter.mailbox)
  if (!(await hasPlaceFor(transaction, letter))) return false
  const released = await releaseLettersTo(transaction, letter.mailbox, letter.id)
  await sendOn(
    transaction,
    queue,
    released.filter(id => id !== letter.id),
  )
  return released.includes(letter.id)
}

/**
 * Counts a letter that was asked for by address, before anybody looks whether there is an account: the same requests
 * spend the same, whoever has the address. Sign-ups have a limit of their own, which these never touch.
 * @returns false when the mailbox has had its share
 */
export async function allowRequest(attempts: AttemptLimits, mailbox: string): Promise<boolean> {
  try {
    await attempts.count({ letter_by_mailbox: [mailbox] })
    return true
  } catch (error) {
    if (error instanceof LimitRefusal) return false
    throw error
  }
}

/** Releases held letters that may be sent by now. A mailbox where that fails keeps none of the others waiting. */
export async function releaseHeldLetters(
  { database, queue }: LetterLimitsNeeds,
  stopping?: AbortSignal,
): Promise<void> {
  const errors: unknown[] = []
  for (let after: string | undefined = ''; after !== undefined; ) {
    const mailboxes = await mailboxesOfHeldLetters(database, after)
    for (const mailbox of mailboxes) {
      if (stopping?.aborted) return
      await inTransaction(database, async transaction => {
        await boundLockWaits(transaction)
        await lockLettersTo(transaction, mailbox)
        await sendOn(transaction, queue, await releaseLettersTo(transaction, mailbox))
      }).catch(error => errors.push(error))
    }
    after = mailboxes.at(-1)
  }
  if (errors.length > 0) throw new AggregateError(errors, `held emails to ${errors.length} mailboxes were not released`)
}

async function sendOn(transaction: DatabaseTransaction, queue: Queue, ids: readonly string[]): Promise<void> {
  for (const letter_id of ids) await queue.send(transaction, letterRequested, { letter_id })
}
