import { type HashingLanes, OverloadedError } from '../passwords/hashing-lanes.ts'
import type { PasswordHasher, PasswordRecord, Verification } from '../passwords/password-hasher.ts'
import { type NormalizedPassword, normalizePassword } from '../passwords/password-policy.ts'
import type { Account } from './account-store.ts'
import { AccountRefusal } from './errors.ts'

export type PasswordNeeds = { hasher: PasswordHasher; lanes: Pick<HashingLanes, 'refuseWithoutPlace'> }

/**
 * Refuses at once what would be refused anyway, before it costs more.
 * @throws Refusal `overloaded`
 */
export function refuseWithoutPlace({ lanes }: PasswordNeeds, network: string): void {
  try {
    lanes.refuseWithoutPlace(network)
  } catch (error) {
    throw refusalOf(error)
  }
}

/** @throws Refusal `overloaded` */
export function hashPassword(
  { hasher }: PasswordNeeds,
  password: NormalizedPassword,
  network: string,
): Promise<PasswordRecord> {
  return placedOrRefused(hasher.hash(password, network))
}

/**
 * Whether a password is that of an account. Costs the same without an account; a password that none can have costs
 * nothing, whoever is asked for.
 *
 * @param network where the request comes from; see `networkOf`
 * @throws Refusal `overloaded`
 */
export async function verifyPassword(
  { hasher }: PasswordNeeds,
  account: Account | undefined,
  password: string,
  network: string,
): Promise<Verification & { normalized?: NormalizedPassword }> {
  const normalized = normalizePassword(password)
  if (normalized === undefined) return { matches: false, outdated: false }
  return { ...(await placedOrRefused(hasher.verify(normalized, account?.password, network))), normalized }
}

async function placedOrRefused<Result>(hashing: Promise<Result>): Promise<Result> {
  try {
    return await hashing
  } catch (error) {
    throw refusalOf(error)
  }
}

function refusalOf(error: unknown): unknown {
  return error instanceof OverloadedError
    ? new AccountRefusal('overloaded', { retryAfter: error.retryAfterSeconds })
    : error
}
