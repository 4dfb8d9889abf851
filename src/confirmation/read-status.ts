import { findAccount } from '../accounts/account-store.ts'
import type { ConfirmationTickets } from '../accounts/ticket.ts'
import type { AttemptLimits } from '../limits/attempt-limits.ts'
import type { Database } from '../storage/database.ts'
import { ConfirmationRefusal } from './errors.ts'
import { type LetterStatus, newestLetterStatus } from './letters/letter-store.ts'

export type ReadStatusNeeds = { database: Database; tickets: ConfirmationTickets; attempts: AttemptLimits }

export type ConfirmationStatus = Omit<LetterStatus, 'state'> & { state: LetterStatus['state'] | 'confirmed' }

/**
 * How far the confirmation of a sign-up is. It is `confirmed` for the very sign-up that was confirmed only: the ticket
 * of one that was overtaken, or whose address was known before, sees its letter being sent and expire, like any other.
 *
 * @param network where the request comes from; see `networkOf`
 * @throws Refusal `invalid_ticket`; `too_many_attempts` after many that were no tickets
 */
export async function readStatus(
  { database, tickets, attempts }: ReadStatusNeeds,
  ticket: string | undefined,
  network: string,
): Promise<ConfirmationStatus & { accountId: string }> {
  const accountId = ticket === undefined ? undefined : await tickets.open(ticket)
  if (ticket !== undefined && !accountId) await attempts.countNotGenuine(ticket, network)
  if (!accountId) throw new ConfirmationRefusal('invalid_ticket')
  const account = await findAccount(database, accountId)
  if (!account) return { accountId, state: 'expired', sentAt: null, expiresAt: null }
  const letter = (await newestLetterStatus(database, accountId)) ?? { state: 'queued', sentAt: null, expiresAt: null }
  return { ...letter, accountId, ...(account.confirmedAt && { state: 'confirmed' as const }) }
}
