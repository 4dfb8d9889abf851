import { canonicalEmailAddress } from '../email/address.ts'
import { invalidRequest } from '../http/problem.ts'
import type { NormalizedPassword } from '../passwords/password-policy.ts'
import type { Sessions, StartedSession } from '../sessions/sessions.ts'
import type { Database } from '../storage/database.ts'
import { type Account, findAccount, findConfirmedAccount, renewPassword } from './account-store.ts'
import { AccountRefusal, FIELD_FAULTS } from './errors.ts'
import { hashPassword, type PasswordNeeds, verifyPassword } from './password.ts'

export type AuthenticateNeeds = PasswordNeeds & { database: Database; sessions: Sessions }

export type Credentials = {
  email: string
  password: string
  /** Where the request comes from; see `networkOf`. */
  network: string
}

/**
 * Starts a session for the confirmed account of an address, if the password is its own.
 *
 * An address without a confirmed account costs the same work and gives the same answer as a wrong password, and so
 * does an unconfirmed account: to tell would tell an attacker who signed up first whether the address has an account.
 * @throws Refusal `invalid_request` (the address), `invalid_credentials`, `account_disabled` (with the right password
 *   only), `overloaded`
 */
export async function authenticate(needs: AuthenticateNeeds, credentials: Credentials): Promise<StartedSession> {
  const { database, sessions } = needs
  const { password, network } = credentials
  const email = canonicalEmailAddress(credentials.email)
  if (!email) throw invalidRequest({ pointer: '/email', code: 'email_invalid', detail: FIELD_FAULTS.email_invalid })

  const account = await findConfirmedAccount(database, email)
  const { matches, outdated, normalized } = await verifyPassword(needs, account, password, network)
  if (!account || !matches) throw new AccountRefusal('invalid_credentials')
  if (account.status === 'disabled') throw new AccountRefusal('account_disabled')

  const session = await sessions.start(database, account)
  if (!session) throw await refusalOfChanged(database, account)
  if (outdated) await renew(needs, account, normalized!, network)
  return session
}

async function refusalOfChanged(database: Database, { id }: Account): Promise<AccountRefusal> {
  const account = await findAccount(database, id)
  return new AccountRefusal(account?.status === 'disabled' ? 'account_disabled' : 'invalid_credentials')
}

// The sign-in has succeeded; where there is no place to hash, the next one renews it.
async function renew(
  needs: AuthenticateNeeds,
  account: Account,
  password: NormalizedPassword,
  network: string,
): Promise<void> {
  try {
    await renewPassword(needs.database, account, await hashPassword(needs, password, network))
  } catch (error) {
    if (!(error instanceof AccountRefusal)) throw error
  }
}
