import { UNCONFIRMED_FOR } from '../accounts/account-store.ts'
import { accountCreated, signInBlocked } from '../accounts/messages.ts'
import type { Mailer, Mailers } from '../email/mailer.ts'
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
import { letterRequested, letterRequestedByAddress } from './messages.ts'

type Needs = DeliverLetterNeeds & SendDeviceLinkNeeds
type ConsumeNeeds = Omit<Needs, 'mailer' | 'sentLetters' | 'unrecordedEmails'> & { mailers: Mailers }

/**
 * Starts sending the letters that messages ask for, as many at once as the mail server takes.
 *
 * Letters that no ticket shows are sent only where there is an account. So they share nothing with the others that could
 * make these later: neither the mailer, nor places in hand, nor the transactions that record them.
 */
export async function consumeMessages(queue: Queue, { mailers, ...without }: ConsumeNeeds): Promise<void> {
  const { database } = without
  const needsWith = (mailer: Mailer) => ({
    ...without,
    mailer,
    sentLetters: recording(queue, without),
    unrecordedEmails: new UnrecordedEmails(),
  })
  const [shown, unshown] = [needsWith(mailers.shown), needsWith(mailers.unshown)]
  await queue.consume(
    accountCreated,
    ({ account_id }, inHand: InHand<AddressedLetter>) => sendSignUpLetter(shown, account_id, inHand),
    mailers.shown.concurrency,
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
    if (letter) await deliverLetter(letter.askedBy === 'address' ? unshown : shown, { letter }, inHand)
  }
  await queue.consume(letterRequested, sendRequested, mailers.shown.concurrency)
  const { concurrency } = mailers.unshown
  await queue.consume(letterRequestedByAddress, sendRequested, concurrency)
  await queue.consume(signInBlocked, ({ request_id }) => sendDeviceLink(unshown, request_id), concurrency)
}

/** Records letters as sent, those that are accepted at a time in one transaction. */
function recording(
  queue: Queue,
  { database, linkLifetime }: Pick<DeliverLetterNeeds, 'database' | 'linkLifetime'>,
): StatementBatches<SentLetter> {
  const lifetimes = { lifetime: linkLifetime, unconfirmedFor: UNCONFIRMED_FOR }
  return new StatementBatches(sent => {
    const [ids, messages] = [sent.map(({ id }) => id), sent.map(({ message }) => message)]
    return queue.complete(database, messages, transaction => recordSent(transaction, ids, lifetimes))
  })
}
