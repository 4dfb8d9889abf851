import { UNCONFIRMED_FOR } from '../accounts/account-store.ts'
import { accountCreated, signInBlocked } from '../accounts/messages.ts'
import type { Queue } from '../storage/queue.ts'
import { StatementBatches } from '../storage/statement-batches.ts'
import { type DeliverLetterNeeds, deliverLetter } from './letters/deliver-letter.ts'
import { findLetter, recordSent } from './letters/letter-store.ts'
import { type SendDeviceLinkNeeds, sendDeviceLink } from './letters/send-device-link.ts'
import { sendSignUpLetter } from './letters/send-sign-up-letter.ts'
import { letterRequested } from './messages.ts'

/** Starts sending the letters that messages ask for, as many at once as the mail server takes. */
export async function consumeMessages(
  queue: Queue,
  without: Omit<DeliverLetterNeeds, 'sentLetters'> & SendDeviceLinkNeeds,
): Promise<void> {
  const { database, linkLifetime, mailer } = without
  const lifetimes = { lifetime: linkLifetime, unconfirmedFor: UNCONFIRMED_FOR }
  const sentLetters = new StatementBatches<string>(ids => recordSent(database, ids, lifetimes))
  const needs = { ...without, sentLetters }
  const { concurrency } = mailer
  await queue.consume(accountCreated, ({ account_id }) => sendSignUpLetter(needs, account_id), concurrency)
  const sendRequested = async ({ letter_id }: { letter_id: string }) => {
    const letter = await findLetter(database, letter_id)
    if (letter) await deliverLetter(needs, letter)
  }
  await queue.consume(letterRequested, sendRequested, concurrency)
  await queue.consume(signInBlocked, ({ request_id }) => sendDeviceLink(needs, request_id), concurrency)
}
