import { countFailure, recordEvent } from '../audit/audit-store.ts'
import { canonicalEmailAddress, type EmailAddress } from '../email/address.ts'
import { invalidRequest } from '../http/problem.ts'
import type { Attempt, AttemptLimits } from '../limits/attempt-limits.ts'
import { LimitRefusal } from '../limits/errors.ts'
import type { Sessions, StartedSession } from '../sessions/sessions.ts'
import { type Database, inTransaction } from '../storage/database.ts'
import type { Queue } from '../storage/queue.ts'
import { type Account, findAccount, findConfirmedAccount, renewPassword } from './account-store.ts'
import type { Device, DeviceTokens } from './device-token.ts'
import { AccountRefusal, FIELD_FAULTS } from './errors.ts'
import { inTurn, type PasswordNeeds, verifyPassword } from './password.ts'
import { requestDeviceLink } from './request-device-link.ts'

export type AuthenticateNeeds = PasswordNeeds & {
  database: Database
  queue: Queue
  sessions: Sessions
  attempts: AttemptLimits
  devices: DeviceTokens
}

export type Credentials = {
  email: string
  password: string
  /** Where the request comes from; see `networkOf`. */
  network: string
  /** From earlier sign-ins on the same device, also to other accounts; few, since each is opened. */
  deviceTokens: readonly string[]
}

export type Authenticated = StartedSession & {
  /** For the next sign-in on this device. */
  deviceToken: string
}

/**
 * Starts a session for the confirmed account of an address, if the password is its own.
 *
 * An address without a confirmed account costs the same work and gives the same answer as a wrong password, and so
 * does an unconfirmed account: to tell would tell an attacker who signed up first whether the address has an account.
 * @throws Refusal `invalid_request` (the address), `too_many_attempts`, `invalid_credentials`, `account_disabled` (with
 *   the right password only), `overloaded`
 */
export async function authenticate(needs: AuthenticateNeeds, credentials: Credentials): Promise<Authenticated> {
  const { database, sessions, devices } = needs
  const { password, network } = credentials
  const email = canonicalEmailAddress(credentials.email)
  if (!email) throw invalidRequest({ pointer: '/email', code: 'email_invalid', detail: FIELD_FAULTS.email_invalid })

  const claimed = await devices.openAll(credentials.deviceTokens)
  if (claimed.length === 0) needs.attempts.refuseKnownBlocked(countedBy(email, network, undefined))
  const asker = { network, knownAs: claimed[0]?.accountId } // whose the address is takes a question, and so a turn
  const { device, attempt, account, matches, renewed } = await inTurn(needs, asker, async turn => {
    const device = await deviceOf(needs.database, claimed, email)
    const attempt = await needs.attempts.count(countedBy(email, network, device))
    return attempt.make(async () => {
      const account = await findConfirmedAccount(database, email)
      const { matches, outdated, normalized } = await verifyPassword(needs, turn, account, password)
      // In the same turn: another one would be a second wait, for everybody once the pepper or the parameters have changed.
      const renewed = outdated ? await needs.hasher.hash(turn, normalized!) : undefined
      return { device, attempt, account, matches, renewed }
    })
  }).catch(async error => {
    if (error instanceof LimitRefusal) await requestDeviceLink(needs, email, error)
    throw error
  })
  const fail = async (code: 'invalid_credentials' | 'account_disabled') => {
    await countFailure(database, 'sign_in.failed', { accountId: account?.id, email, network, reason: code })
    return new AccountRefusal(code)
  }
  if (!account || !matches) throw await fail('invalid_credentials')
  if (account.status === 'disabled') {
    await attempt.succeeded('sign_in_by_device')
    throw await fail('account_disabled')
  }

  const session = await attempt.make(() =>
    inTransaction(database, async transaction => {
      // Only now: to whoever lacks the password, nothing before tells an account that signs in often from any other.
      await needs.attempts.count({ sessions_by_account: [account.id] }, transaction)
      const started = await sessions.start(transaction, account, network)
      const facts = { accountId: account.id, email, sessionId: started?.id, network, factor: 'pwd' }
      if (started) await recordEvent(transaction, 'sign_in.succeeded', facts)
      // Last: others share these counters, and would wait too while another transaction has the account's row locked.
      await attempt.succeeded('sign_in_by_device', transaction)
      return started
    }),
  )
  if (!session) throw await fail(await whyChanged(database, account))
  if (renewed) await renewPassword(database, account, renewed)
  return { ...session, deviceToken: devices.make(account.id, device?.id) }
}

/** The device that the account of the address was signed in from before, among those that were claimed. */
async function deviceOf(
  database: Database,
  claimed: readonly Device[],
  email: EmailAddress,
): Promise<Device | undefined> {
  const account = claimed.length > 0 ? await findConfirmedAccount(database, email) : undefined
  return account && claimed.find(({ accountId }) => accountId === account.id)
}

function countedBy(email: EmailAddress, network: string, device: Device | undefined): Attempt {
  if (device) return { sign_in_by_device: [device.accountId, device.id] }
  return {
    sign_in_by_address_and_network: [email, network],
    sign_in_by_network: [network],
    sign_in_by_address: [email],
  }
}

async function whyChanged(database: Database, { id }: Account) {
  const account = await findAccount(database, id)
  return account?.status === 'disabled' ? 'account_disabled' : 'invalid_credentials'
}
