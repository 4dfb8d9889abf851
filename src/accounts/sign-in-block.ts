import { networksOfFailedSignIns } from '../audit/audit-store.ts'
import type { EmailAddress } from '../email/address.ts'
import { blockedCounters, forgetCounters } from '../limits/attempt-store.ts'
import { LIMITS, type LimitName } from '../limits/limits.ts'
import type { PurposeKeys } from '../secrets/key-ring.ts'
import { keyedHashes } from '../secrets/keyed-hash.ts'
import type { Queryable } from '../storage/database.ts'
import type { Account } from './account-store.ts'

/**
 * For how many seconds more sign-ins with an email address are refused, whatever network they come from; 0 when they
 * are not.
 * @param keys what counters are named with
 */
export async function signInBlockedFor(db: Queryable, keys: PurposeKeys, email: EmailAddress): Promise<number> {
  const counters = counterKeys(keys, 'sign_in_by_address', email).map(key => ({
    key,
    limit: LIMITS.sign_in_by_address,
  }))
  const blocks = await blockedCounters(db, counters)
  return Math.ceil(Math.max(0, ...blocks.map(({ seconds }) => seconds)))
}

/**
 * Forgets the attempts that may block signing in to an account or confirming it: those at its email address from
 * anywhere, and those from each network that failed sign-ins came from. Which those are is read from the audit events,
 * since the counters' names are hashes. What blocks a whole network or one known device stays; it ends within 15 minutes.
 * @param keys what counters are named with
 */
export async function unblockSignIn(
  db: Queryable,
  keys: PurposeKeys,
  { id, email }: Pick<Account, 'id' | 'email'>,
): Promise<void> {
  const networks = await networksOfFailedSignIns(db, email)
  // In two steps, since a sign-in locks them in this order too: else the two could wait for one another in a circle.
  await forgetCounters(db, [
    ...counterKeys(keys, 'sessions_by_account', id),
    ...counterKeys(keys, 'proof_by_account', id),
  ])
  await forgetCounters(db, [
    ...counterKeys(keys, 'sign_in_by_address', email),
    ...networks.flatMap(network => counterKeys(keys, 'sign_in_by_address_and_network', email, network)),
  ])
}

const counterKeys = (keys: PurposeKeys, limit: LimitName, ...countedBy: string[]): Buffer[] =>
  keyedHashes(keys, limit, ...countedBy)
