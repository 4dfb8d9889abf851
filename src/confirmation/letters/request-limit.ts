import type { AttemptLimits } from '../../limits/attempt-limits.ts'
import { LimitRefusal } from '../../limits/errors.ts'

/**
 * Counts a letter that was asked for by address, before anybody looks whether there is an account: the same requests
 * spend the same, whoever has the address. Sign-ups have a limit of their own, which these never touch.
 * @returns false when the mailbox has had its share
 */
export async function allowRequest(attempts: AttemptLimits, mailbox: string): Promise<boolean> {
  try {
    await attempts.count({ letter_by_mailbox: [mailbox] })
    return true
  } catch (error) {
    if (error instanceof LimitRefusal) return false
    throw error
  }
}
