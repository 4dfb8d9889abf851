import { type AddressedAccount, findAddressedAccounts, findNewestAccount } from '../../accounts/account-store.ts'
import { maskedEmailAddress } from '../../email/address.ts'
import { isAboutLetter, MailError } from '../../email/mail-error.ts'
import type { Mailer } from '../../email/mailer.ts'
import type { AttemptLimits } from '../../limits/attempt-limits.ts'
import type { Logger } from '../../log.ts'
import type { Counter } from '../../metrics.ts'
import { type Database, type DatabaseTransaction, inTransaction } from '../../storage/database.ts'
import type { InHand, MessageInHand } from '../../storage/queue.ts'
import type { StatementBatches } from '../../storage/statement-batches.ts'
import { holdLetter } from './hold-letter.ts'
import { composeLetter } from './letter-content.ts'
import { allowRequest, type LetterLimitsNeeds, releaseLetter } from './letter-limits.ts'
import { assignLetter, deleteLetter, type Letter, recordDeferral, recordFailure } from './letter-store.ts'
import type { LetterTokens } from './letter-token.ts'
import type { UnrecordedEmails } from './unrecorded-emails.ts'

export type DeliverLetterNeeds = LetterLimitsNeeds & {
  mailer: Mailer
  unrecordedEmails: UnrecordedEmails
  attempts: AttemptLimits
  letterTokens: LetterTokens
  /** The page that a confirmation link opens. */
  confirmUrl: () => string
  publicUrl: () => string
  serviceName: string
  /** Seconds that a link is good, from its sending. */
  linkLifetime: number
  /** Records letters as sent, with `recordSent`, and completes the messages that asked for them. */
  sentLetters: StatementBatches<SentLetter>
  letters: Counter<'outcome'>
  logger: Logger
  now: () => number
}

export type SentLetter = { id: string; message: MessageInHand }

/** A letter and whom it is for. */
export type AddressedLetter = { letter: Letter; account: AddressedAccount }

/**
 * Sends a letter, if the limits release it. To call it again for one that was sent does nothing. When the mail server accepted
 * it and this process ended before it was recorded, or another process tries it then, the same letter goes out again, with the
 * same link and the same Message-ID.
 *
 * @param inHand what asked for it; completed with the record that it was sent
 * @throws MailError when delivery should be tried again
 */
export async function deliverLetter(
  needs: DeliverLetterNeeds,
  { letter, account: known }: { letter: Letter; account?: AddressedAccount },
  { message, setAside }: InHand<unknown>,
): Promise<void> {
  if (letter.sentAt || letter.failedAt) return
  if (letter.isHeld) return
  if (letter.askedBy === 'address' && !letter.allowedAt && !(await allowRequest(needs.attempts, letter.mailbox))) {
    needs.letters.inc({ outcome: 'dropped' })
    return deleteLetter(needs.database, letter.id)
  }
  const account = known ?? (await accountFor(needs.database, letter))
  if (!account) return deleteLetter(needs.database, letter.id)
  if (isOvertaken(letter, account))
    return letter.allowedAt || letter.askedBy === 'sign_up'
      ? markSent(needs, letter, message)
      : deleteLetter(needs.database, letter.id)
  if (letter.askedBy !== 'address' && !letter.allowedAt && !(await release(needs, letter))) {
    setAside() // to be held costs the mail server nothing, so it must not delay what the server takes
    await holdLetter(needs, letter)
    needs.letters.inc({ outcome: 'held' })
    return
  }

  const { purpose, at } = purposeOf(needs, letter, account)
  const { serviceName, now } = needs
  const content = composeLetter(purpose, { email: account.email, at, locale: account.locale, serviceName })
  try {
    const messageId = messageIdOf(needs, letter, purpose.kind)
    const email = { ...content, to: account.email, messageId, date: new Date(now()) }
    await needs.unrecordedEmails.send(needs.mailer, email, () => markSent(needs, letter, message))
  } catch (error) {
    if (!(error instanceof MailError)) throw error
    return fail(needs, letter, error, maskedEmailAddress(account.email))
  }
  needs.letters.inc({ outcome: 'sent' })
}

const release = (needs: DeliverLetterNeeds, letter: Letter): Promise<boolean> =>
  inTransaction(needs.database, transaction => releaseLetter(needs, transaction, letter))

/**
 * Whether its account was confirmed since it was asked for. Then it is of no more use; most likely it was confirmed by
 * this very letter, which a crash kept us from recording.
 */
function isOvertaken({ requestedAt }: Letter, { confirmedAt }: AddressedAccount): boolean {
  return confirmedAt !== null && requestedAt <= confirmedAt
}

async function markSent({ sentLetters }: DeliverLetterNeeds, { id }: Letter, message: MessageInHand): Promise<void> {
  return await sentLetters.add({ id, message })
}

/** Whom the letter is for. An address that was asked for means its newest account, confirmed or not. */
async function accountFor(database: Database, letter: Letter): Promise<AddressedAccount | undefined> {
  const accountId = letter.accountId ?? (await inTransaction(database, transaction => assign(transaction, letter)))
  return accountId === undefined ? undefined : (await findAddressedAccounts(database, [accountId]))[0]
}

async function assign(transaction: DatabaseTransaction, { id, address }: Letter): Promise<string | undefined> {
  const account = await findNewestAccount(transaction, address)
  if (account) await assignLetter(transaction, id, account.id)
  return account?.id
}

function purposeOf(needs: DeliverLetterNeeds, letter: Letter, account: AddressedAccount) {
  if (account.isAddressKnown || account.supersededAt)
    return {
      purpose: { kind: 'account-exists' as const, link: `${needs.publicUrl()}/sign-in` },
      at: letter.requestedAt,
    }
  const link = new URL(needs.confirmUrl())
  link.searchParams.set('token', needs.letterTokens.make(letter.id))
  return {
    purpose: { kind: 'confirmation' as const, link: link.href, lifetime: needs.linkLifetime },
    at: account.createdAt,
  }
}

function messageIdOf({ publicUrl }: DeliverLetterNeeds, { id }: Letter, kind: string): string {
  return `<${id}.${kind}@${new URL(publicUrl()).hostname}>`
}

async function fail(needs: DeliverLetterNeeds, letter: Letter, error: MailError, to: string): Promise<void> {
  const facts = { letter: letter.id, to, err: error }
  if (error.kind === 'address_refused') {
    needs.letters.inc({ outcome: 'undeliverable' })
    needs.logger.warn(facts, 'a letter is undeliverable: the mail server refused the address')
    return recordFailure(needs.database, letter.id, { reason: 'undeliverable', failure: error.message })
  }
  if (letter.isOverdue) {
    needs.letters.inc({ outcome: 'given_up' })
    needs.logger.error(facts, 'a letter was given up after 48 hours of trying')
    return recordFailure(needs.database, letter.id, { reason: 'given_up', failure: error.message })
  }
  needs.letters.inc({ outcome: 'retried' })
  if (isAboutLetter(error)) await recordDeferral(needs.database, letter.id)
  throw error
}
