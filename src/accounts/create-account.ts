import { v7 as uuidv7 } from 'uuid'
import { recordEvent } from '../audit/audit-store.ts'
import { canonicalEmailAddress } from '../email/address.ts'
import { type FieldFault, invalidRequest } from '../http/problem.ts'
import type { AttemptLimits } from '../limits/attempt-limits.ts'
import { judgePassword } from '../passwords/password-policy.ts'
import type { PurposeKeys } from '../secrets/key-ring.ts'
import { keyedHash } from '../secrets/keyed-hash.ts'
import { type Database, inTransaction } from '../storage/database.ts'
import type { Queue } from '../storage/queue.ts'
import { insertAccount, type NewAccount } from './account-store.ts'
import { FIELD_FAULTS, type FieldFaultCode } from './errors.ts'
import { accountCreated } from './messages.ts'
import { inTurn, type PasswordNeeds } from './password.ts'
import type { ConfirmationTickets } from './ticket.ts'

export type CreateAccountNeeds = PasswordNeeds & {
  database: Database
  queue: Queue
  tickets: ConfirmationTickets
  attempts: AttemptLimits
  /** What networks are named with in the database. */
  networkKeys: PurposeKeys
  policy: PasswordPolicy
}

export type PasswordPolicy = {
  /** Code points. */
  minLength: number
  /** A password that equals it is too common. */
  serviceName: string
}

export type SignUp = {
  email: string
  password: string
  /** BCP 47. */
  locale: string
  /** Where the request comes from; see `networkOf`. */
  network: string
}

export type CreatedAccount = Pick<NewAccount, 'id' | 'email'> & { createdAt: Date; ticket: string }

/**
 * Creates an account of its own for each sign-up, whether or not the address is known, so that nobody can learn which
 * addresses are, and nobody can prepare an account that somebody else then confirms.
 *
 * The account and the message that it was created commit together.
 * @throws Refusal `invalid_request` with the faults of the fields, `too_many_attempts`, `overloaded`
 */
export async function createAccount(needs: CreateAccountNeeds, signUp: SignUp): Promise<CreatedAccount> {
  const { email, password } = judge(signUp, needs.policy)
  const countedBy = { sign_up_by_network: [signUp.network] }
  needs.attempts.refuseKnownBlocked(countedBy)
  const { attempt, hashed } = await inTurn(needs, { network: signUp.network }, async turn => {
    const attempt = await needs.attempts.count(countedBy)
    return { attempt, hashed: await attempt.make(() => needs.hasher.hash(turn, password)) }
  })
  return attempt.make(async () => {
    const signedUpFrom = keyedHash(needs.networkKeys, signUp.network)
    const account = { id: uuidv7(), email, locale: signUp.locale, password: hashed, signedUpFrom }
    const createdAt = await inTransaction(needs.database, async transaction => {
      const created = await insertAccount(transaction, account)
      await recordEvent(transaction, 'account.created', { accountId: account.id, email, network: signUp.network })
      await needs.queue.send(transaction, accountCreated, { account_id: account.id })
      return created
    })
    return { id: account.id, email, createdAt, ticket: needs.tickets.make(account.id) }
  })
}

function judge({ email, password }: SignUp, policy: PasswordPolicy) {
  const address = canonicalEmailAddress(email)
  const judged = judgePassword(password, { ...policy, email: address ?? '' })
  const faults: FieldFault[] = []
  if (!address) faults.push(fieldFault('/email', 'email_invalid'))
  if ('refused' in judged) faults.push(fieldFault('/password', judged.refused, policy))
  if (!address || 'refused' in judged) throw invalidRequest(...faults)
  return { email: address, password: judged.accepted }
}

function fieldFault(pointer: string, code: FieldFaultCode, policy?: PasswordPolicy): FieldFault {
  const needed = code === 'password_too_short' ? ` It needs ${policy?.minLength} characters at least.` : ''
  return { pointer, code, detail: FIELD_FAULTS[code] + needed }
}
