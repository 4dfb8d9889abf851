import { v7 as uuidv7 } from 'uuid'
import type { EmailAddress } from '../email/address.ts'
import type { LimitRefusal } from '../limits/errors.ts'
import { type Database, inTransaction } from '../storage/database.ts'
import type { Queue } from '../storage/queue.ts'
import { noteDeviceLinkRequest } from './device-link-store.ts'
import { signInBlocked } from './messages.ts'

/**
 * Asks for an email with a device link, when guesses at an address have blocked sign-in there: the way in for its owner
 * that no guessing can close.
 *
 * Neither what it does nor how often depends on whether anybody has the address. What this process already knew to be
 * blocked asks for nothing, so that a flood costs no transactions.
 */
export async function requestDeviceLink(
  { database, queue }: { database: Database; queue: Queue },
  email: EmailAddress,
  { found }: LimitRefusal,
): Promise<void> {
  if (found !== 'sign_in_by_address' && found !== 'sign_in_by_address_and_network') return
  const requestId = uuidv7()
  await inTransaction(database, async transaction => {
    if (await noteDeviceLinkRequest(transaction, requestId, email))
      await queue.send(transaction, signInBlocked, { request_id: requestId })
  })
}
