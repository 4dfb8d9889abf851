import { OverloadedError } from '../passwords/fair-lanes.ts'
import type { Asker, HashingLanes, Turn } from '../passwords/hashing-lanes.ts'
import type { PasswordHasher, Verification } from '../passwords/password-hasher.ts'
import { type NormalizedPassword, normalizePassword } from '../passwords/password-policy.ts'
import type { Account } from './account-store.ts'
import { AccountRefusal } from './errors.ts'

export type PasswordNeeds = { hasher: PasswordHasher; lanes: Pick<HashingLanes, 'run'> }

/**
 * Makes an attempt that hashes a password once its turn has come. What it asks the database first belongs into it, so
 * that it costs nothing when there is no place.
 *
 * @throws Refusal `overloaded`
 */
export async function inTurn<Result>(
  { lanes }: PasswordNeeds,
  asker: Asker,
  attempt: (turn: Turn) => Promise<Result>,
): Promise<Result> {
  try {
    return await lanes.run(asker, attempt)
  } catch (error) {
    if (error instanceof OverloadedError)
      throw new AccountRefusal('overloaded', { retryAfter: error.retryAfterSeconds })
    throw error
  }
}

/**
 * Whether a password is that of an account. Costs the same without an account; a password that none can have costs
 * nothing, whoever is asked for.
 */
export async function verifyPassword(
  { hasher }: PasswordNeeds,
  turn: Turn,
  account: Account | undefined,
  password: string,
): Promise<Verification & { normalized?: NormalizedPassword }> {
  const normalized = normalizePassword(password)
  if (normalized === undefined) return { matches: false, outdated: false }
  return { ...(await hasher.verify(turn, normalized, account?.password)), normalized }
}
