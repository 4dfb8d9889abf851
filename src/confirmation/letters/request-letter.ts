import { v7 as uuidv7 } from 'uuid'
import type { EmailAddress } from '../../email/address.ts'
import { type Database, inTransaction } from '../../storage/database.ts'
import type { Queue } from '../../storage/queue.ts'
import { letterRequested } from '../messages.ts'
import { insertLetterToAccount, insertLetterToAddress } from './letter-store.ts'

export type RequestLetterNeeds = { database: Database; queue: Queue }

/**
 * Asks for another letter. For an address it only notes the wish: whether anybody has that address is looked up by the
 * worker, so that the request does the same work and takes the same time for all of them.
 */
export async function requestLetter(
  { database, queue }: RequestLetterNeeds,
  to: { accountId: string } | { address: EmailAddress },
): Promise<void> {
  const id = uuidv7()
  await inTransaction(database, async transaction => {
    if ('address' in to) await insertLetterToAddress(transaction, id, to.address)
    else if (!(await insertLetterToAccount(transaction, id, to.accountId))) return
    await queue.send(transaction, letterRequested, { letter_id: id })
  })
}
