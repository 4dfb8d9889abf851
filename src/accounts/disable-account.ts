import { recordEvent } from '../audit/audit-store.ts'
import { endSessionsOf } from '../sessions/session-store.ts'
import { type Database, inTransaction } from '../storage/database.ts'
import { markDisabled } from './account-store.ts'

/**
 * Disables an account and ends its sessions.
 *
 * The account's row is changed first: a sign-in under way either has its session ended here, or finds the account
 * disabled when it tries to start one.
 * @returns false when the account was not active
 */
export async function disableAccount(database: Database, id: string): Promise<boolean> {
  return inTransaction(database, async transaction => {
    const email = await markDisabled(transaction, id)
    if (email === undefined) return false
    await endSessionsOf(transaction, id)
    await recordEvent(transaction, 'account.disabled', { accountId: id, email })
    return true
  })
}
