import { UNCONFIRMED_FOR } from '../accounts/account-store.ts'
import { accountCreated, signInBlocked } from '../accounts/messages.ts'
import type { InHand, Queue } from '../storage/queue.ts'
import { StatementBatches } from '../storage/statement-batches.ts'
import {
  type AddressedLetter,
  type DeliverLetterNeeds,
  deliverLetter,
  type SentLetter,
} from './letters/deliver-letter.ts'
import { findLetter, recordSent } from './letters/letter-store.ts'
import { type SendDeviceLinkNeeds, sendDeviceLink } from './letters/send-device-link.ts'
import { prepareSignUpLetters, sendSignUpLetter } from './letters/send-sign-up-letter.ts'
import { UnrecordedEmails } from './letters/unrecorded-emails.ts'
import { letterRequested } from './messages.ts'

/** Starts sending the letters that messages ask for, as many at once as the mail server takes. */
export async function consumeMessages(
  queue: Queue,
  without: Omit<DeliverLetterNeeds & SendDeviceLinkNeeds, 'sentLetters' | 'unrecordedEmails'>,
): Promise<void> {
  const { database, linkLifetime, mailer } = without
  const lifetimes = { lifetime: linkLifetime, unconfirmedFor: UNCONFIRMED_FOR }
  const sentLetters = new StatementBatches<SentLetter>(sent =>
    queue.complete(
      database,
      sent.map(({ message }) => message),
      transaction => recordSent(transaction, idsOf(sent), lifetimes),
    ),
  )
  const needs = { ...without, sentLetters, unrecordedEmails: new UnrecordedEmails() }
  const { concurrency } = mailer
  await queue.consume(
    accountCreated,
    ({ account_id }, inHand: InHand<AddressedLetter>) => sendSignUpLetter(needs, account_id, inHand),
    concurrency,
    {
      database,
      prepare: (transaction, messages) =>
        prepareSignUpLetters(
          transaction,
          messages.map(({ account_id }) => account_id),
        ),
    },
  )
  const sendRequested = async ({ letter_id }: { letter_id: string }, inHand: InHand<never>) => {
    const letter = await findLetter(database, letter_id)
    if (letter) await deliverLetter(needs, { letter }, inHand)
  }
  await queue.consume(letterRequested, sendRequested, concurrency)
  await queue.consume(signInBlocked, ({ request_id }) => sendDeviceLink(needs, request_id), concurrency)
}

const idsOf = (sent: readonly SentLetter[]) => sent.map(({ id }) => id)
