import { v7 as uuidv7 } from 'uuid'
import { type DeliverLetterNeeds, deliverLetter } from './deliver-letter.ts'
import { ensureSignUpLetter } from './letter-store.ts'

/**
 * Sends the letter of a sign-up when `account.created` arrives. However often that does, there is one letter.
 * @throws MailError when delivery should be tried again
 */
export async function sendSignUpLetter(needs: DeliverLetterNeeds, accountId: string): Promise<void> {
  const letter = await ensureSignUpLetter(needs.database, uuidv7(), accountId)
  if (letter) await deliverLetter(needs, letter.id)
}
