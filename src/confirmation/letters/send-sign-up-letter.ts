import { v7 as uuidv7 } from 'uuid'
import { findAddressedAccounts } from '../../accounts/account-store.ts'
import { type DatabaseTransaction, inTransaction } from '../../storage/database.ts'
import type { InHand } from '../../storage/queue.ts'
import { type AddressedLetter, type DeliverLetterNeeds, deliverLetter } from './deliver-letter.ts'
import { lockLettersTo, releaseSoleLetters } from './letter-limit-store.ts'
import { ensureSignUpLetters, type Letter } from './letter-store.ts'

/**
 * Sends the letter of a sign-up when `account.created` arrives. However often that does, there is one letter.
 * @throws MailError when delivery should be tried again
 */
export async function sendSignUpLetter(
  needs: DeliverLetterNeeds,
  accountId: string,
  inHand: InHand<AddressedLetter>,
): Promise<void> {
  const addressed =
    inHand.prepared ??
    (await inTransaction(needs.database, transaction => prepareSignUpLetters(transaction, [accountId])))[0]
  if (addressed) await deliverLetter(needs, addressed, inHand)
}

/**
 * Notes the letters of sign-ups, releases those that nothing speaks against, and finds whom they are for: every sign-up
 * takes this path. The others are released, or held, when they are delivered.
 * @returns undefined for an account that is gone
 */
export async function prepareSignUpLetters(
  transaction: DatabaseTransaction,
  accountIds: readonly string[],
): Promise<(AddressedLetter | undefined)[]> {
  const noted = accountIds.map(accountId => ({ id: uuidv7(), accountId }))
  const letters = await ensureSignUpLetters(transaction, noted)
  const released = await release(transaction, letters)
  const accounts = new Map((await findAddressedAccounts(transaction, accountIds)).map(found => [found.id, found]))
  const byAccount = new Map(letters.map(letter => [letter.accountId, letter]))
  return accountIds.map(accountId => {
    const [letter, account] = [byAccount.get(accountId), accounts.get(accountId)]
    return (
      letter && account && { letter: { ...letter, allowedAt: released.get(letter.id) ?? letter.allowedAt }, account }
    )
  })
}

/** @returns when letters were released just now, by their ids */
async function release(transaction: DatabaseTransaction, letters: readonly Letter[]): Promise<Map<string, Date>> {
  const unreleased = letters.filter(({ allowedAt, isHeld }) => !allowedAt && !isHeld)
  if (unreleased.length === 0) return new Map()
  await lockLettersTo(transaction, ...unreleased.map(({ mailbox }) => mailbox))
  const released = await releaseSoleLetters(
    transaction,
    unreleased.map(({ id }) => id),
  )
  return new Map(released.map(({ id, allowedAt }) => [id, allowedAt]))
}
