import { type Database, type DatabaseTransaction, inTransaction } from '../../storage/database.ts'
import type { Queue } from '../../storage/queue.ts'
import { letterRequested } from '../messages.ts'
import {
  addressesOfWaitingLetters,
  allowRepeatedLetter,
  allowWaitingLettersTo,
  letWait,
  lockLettersTo,
} from './letter-limit-store.ts'
import { deleteLetter, type Letter } from './letter-store.ts'

export type LetterLimitsNeeds = { database: Database; queue: Queue }

/**
 * Lets a letter go, if the limits permit: nobody's mailbox is to be flooded, and no mail server should come to doubt us.
 *
 * A repeated letter over the limit is dropped: there was one just before. A sign-up's own waits for its turn instead,
 * since without it the account could never be confirmed. Turns are shared out by the network that signed up, the one
 * with the fewest letters of the last day first, so that whoever floods an address with sign-ups does not keep its
 * owner waiting behind them.
 *
 * @returns false when it must not go now; it is deleted, or a message will come when it may
 */
export async function allowLetter({ database, queue }: LetterLimitsNeeds, letter: Letter): Promise<boolean> {
  return inTransaction(database, async transaction => {
    await lockLettersTo(transaction, letter.address)
    const allowed = await allowWaitingLettersTo(transaction, letter.address, letter.id)
    await sendOn(
      transaction,
      queue,
      allowed.filter(id => id !== letter.id),
    )
    if (allowed.includes(letter.id)) return true
    if (letter.isOfSignUp) {
      await letWait(transaction, letter.id)
      return false
    }
    if (await allowRepeatedLetter(transaction, letter)) return true
    await deleteLetter(transaction, letter.id)
    return false
  })
}

/** Lets letters of sign-ups go that have waited for their turn, some at a time. */
export async function allowWaitingLetters({ database, queue }: LetterLimitsNeeds): Promise<void> {
  for (const address of await addressesOfWaitingLetters(database))
    await inTransaction(database, async transaction => {
      await lockLettersTo(transaction, address)
      await sendOn(transaction, queue, await allowWaitingLettersTo(transaction, address))
    })
}

async function sendOn(transaction: DatabaseTransaction, queue: Queue, ids: readonly string[]): Promise<void> {
  for (const letter_id of ids) await queue.send(transaction, letterRequested, { letter_id })
}
