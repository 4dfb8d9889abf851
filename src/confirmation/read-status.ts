import { findAccount } from '../accounts/account-store.ts'
import type { ConfirmationTickets } from '../accounts/ticket.ts'
import type { Database } from '../storage/database.ts'
import { ConfirmationRefusal } from './errors.ts'
import { type LetterStatus, newestLetterStatus } from './letters/letter-store.ts'

export type ReadStatusNeeds = { database: Database; tickets: ConfirmationTickets }

export type ConfirmationStatus = Omit<LetterStatus, 'state'> & { state: LetterStatus['state'] | 'confirmed' }

/**
 * How far the confirmation of a sign-up is. It is `confirmed` for the very sign-up that was confirmed only: the ticket
 * of one that was overtaken, or whose address was known before, sees its letter being sent and expire, like any other.
 *
 * @throws Refusal `invalid_ticket`
 */
export async function readStatus(
  { database, tickets }: ReadStatusNeeds,
  ticket: string | undefined,
): Promise<ConfirmationStatus & { accountId: string }> {
  const accountId = ticket === undefined ? undefined : tickets.open(ticket)
  if (!accountId) throw new ConfirmationRefusal('invalid_ticket')
  const account = await findAccount(database, accountId)
  if (!account) return { accountId, state: 'expired', sentAt: null, expiresAt: null }
  const letter = (await newestLetterStatus(database, accountId)) ?? { state: 'queued', sentAt: null, expiresAt: null }
  return { ...letter, accountId, ...(account.confirmedAt && { state: 'confirmed' as const }) }
}
