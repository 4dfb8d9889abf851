import { v7 as uuidv7 } from 'uuid'
import { inTransaction } from '../../storage/database.ts'
import { type DeliverLetterNeeds, deliverLetter } from './deliver-letter.ts'
import { releaseLetter } from './letter-limits.ts'
import { ensureSignUpLetter, findLetter, type Letter } from './letter-store.ts'

/**
 * Sends the letter of a sign-up when `account.created` arrives. However often that does, there is one letter.
 * @throws MailError when delivery should be tried again
 */
export async function sendSignUpLetter(needs: DeliverLetterNeeds, accountId: string): Promise<void> {
  const letter = await noteAndRelease(needs, accountId)
  if (letter) await deliverLetter(needs, letter)
}

/** Both in one commit: every sign-up takes this path. */
function noteAndRelease(needs: DeliverLetterNeeds, accountId: string): Promise<Letter | undefined> {
  return inTransaction(needs.database, async transaction => {
    const letter = await ensureSignUpLetter(transaction, uuidv7(), accountId)
    if (!letter || letter.allowedAt || letter.isHeld) return letter
    await releaseLetter(needs, transaction, letter)
    return findLetter(transaction, letter.id)
  })
}
