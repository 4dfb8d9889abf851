import { OverloadedError } from '../passwords/hashing-lanes.ts'
import { AccountRefusal } from './errors.ts'

/** What the hasher gives; a refusal that tells when to try again, where it has no place left. */
export async function hashedOrOverloaded<Result>(hashing: Promise<Result>): Promise<Result> {
  try {
    return await hashing
  } catch (error) {
    if (error instanceof OverloadedError)
      throw new AccountRefusal('overloaded', { retryAfter: error.retryAfterSeconds })
    throw error
  }
}
