import { type Account, activateAccount, findAccount, lockForConfirmation } from '../accounts/account-store.ts'
import { inTurn, type PasswordNeeds, verifyPassword } from '../accounts/password.ts'
import type { ConfirmationTickets } from '../accounts/ticket.ts'
import { countFailure, recordEvent } from '../audit/audit-store.ts'
import { invalidRequest } from '../http/problem.ts'
import type { AttemptLimits } from '../limits/attempt-limits.ts'
import { type Database, inTransaction } from '../storage/database.ts'
import { ConfirmationRefusal } from './errors.ts'
import { findLetter, type Letter } from './letters/letter-store.ts'
import type { LetterTokens } from './letters/letter-token.ts'

export type ConfirmNeeds = PasswordNeeds & {
  database: Database
  tickets: ConfirmationTickets
  letterTokens: LetterTokens
  attempts: AttemptLimits
}

export type ConfirmRequest = {
  /** From the letter: proof of having the mailbox. */
  token: string
  /** From the sign-up's answer. Either this or the password proves to be the one who signed up. */
  ticket?: string | undefined
  password?: string | undefined
  /** Where the request comes from; see `networkOf`. */
  network: string
}

export type Confirmed = { accountId: string; email: string; confirmedAt: Date }

/**
 * Confirms an account, with two proofs: the letter's token, and the ticket or the password of the very sign-up that
 * the letter is about. An attacker who signs up with a foreign address lacks the first; the owner of the address, who
 * clicks a letter that they did not ask for, and a scanner, which opens every link, lack the second.
 *
 * @throws Refusal in this order: `confirmation_unknown`, `invalid_request` (both proofs), `proof_required`,
 *   `proof_wrong`, `confirmation_superseded`, `confirmation_expired`; and `too_many_attempts`, `overloaded`
 */
export async function confirm(needs: ConfirmNeeds, request: ConfirmRequest): Promise<Confirmed> {
  const { letter, account } = await signUpOf(needs, request.token, request.network)
  try {
    await proveSignUp(needs, account, request)
    return await activate(needs, account, letter, request)
  } catch (error) {
    if (error instanceof ConfirmationRefusal && error.code !== 'proof_required')
      await countFailure(needs.database, 'confirmation.failed', {
        accountId: account.id,
        email: account.email,
        network: request.network,
        reason: error.code,
      })
    throw error
  }
}

async function activate(
  { database }: ConfirmNeeds,
  account: Account,
  letter: Letter,
  { ticket, network }: ConfirmRequest,
): Promise<Confirmed> {
  const { id: accountId, email } = account
  // Before anything is locked: no limit counts repetitions.
  if (account.confirmedAt) return { accountId, email, confirmedAt: account.confirmedAt }
  return inTransaction(database, async transaction => {
    const own = await lockForConfirmation(transaction, account)
    if (!own) throw new ConfirmationRefusal('confirmation_unknown')
    if (own.confirmedAt) return { accountId, email, confirmedAt: own.confirmedAt }
    if (own.supersededAt || own.isAddressKnown) throw new ConfirmationRefusal('confirmation_superseded')
    if (letter.isExpired) throw new ConfirmationRefusal('confirmation_expired')
    const confirmedAt = await activateAccount(transaction, accountId)
    const facts = { accountId, email, network, reason: ticket === undefined ? 'password' : 'ticket' }
    await recordEvent(transaction, 'account.confirmed', facts)
    return { accountId, email, confirmedAt }
  })
}

/**
 * The letter that a token is from, and the account that it is about.
 * @param network where the request comes from; see `networkOf`
 * @throws Refusal `confirmation_unknown`, for a token that is not genuine and for an account that is gone;
 *   `too_many_attempts` after many that were no tokens
 */
export async function signUpOf(
  { database, letterTokens, attempts }: Pick<ConfirmNeeds, 'database' | 'letterTokens' | 'attempts'>,
  token: string,
  network: string,
): Promise<{ letter: Letter; account: Account }> {
  const id = await letterTokens.open(token)
  if (id === undefined) await attempts.countNotGenuine(token, network)
  const letter = id === undefined ? undefined : await findLetter(database, id)
  const account = letter?.accountId ? await findAccount(database, letter.accountId) : undefined
  if (!letter || !account) throw new ConfirmationRefusal('confirmation_unknown')
  return { letter, account }
}

async function proveSignUp(needs: ConfirmNeeds, account: Account, request: ConfirmRequest): Promise<void> {
  const { ticket, password, network } = request
  if (ticket !== undefined && password !== undefined)
    throw invalidRequest({
      pointer: '/password',
      code: 'not_allowed',
      detail: 'Send the ticket or the password, not both.',
    })
  if (ticket === undefined && password === undefined) throw new ConfirmationRefusal('proof_required')
  if (ticket !== undefined && (await needs.tickets.open(ticket)) === account.id) return
  const countedBy = { proof_by_account: [account.id] }
  if (ticket !== undefined) {
    await needs.attempts.count(countedBy)
    throw new ConfirmationRefusal('proof_wrong')
  }
  needs.attempts.refuseKnownBlocked(countedBy)
  const { attempt, matches } = await inTurn(needs, { network }, async turn => {
    const attempt = await needs.attempts.count(countedBy)
    return { attempt, ...(await attempt.make(() => verifyPassword(needs, turn, account, password!))) }
  })
  if (!matches) throw new ConfirmationRefusal('proof_wrong')
  await attempt.succeeded('proof_by_account')
}
