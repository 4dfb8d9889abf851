import { v7 as uuidv7 } from 'uuid'
import type { EmailAddress } from '../../email/address.ts'
import type { AttemptLimits } from '../../limits/attempt-limits.ts'
import { type Database, inTransaction } from '../../storage/database.ts'
import type { Queue } from '../../storage/queue.ts'
import { letterRequested, letterRequestedByAddress } from '../messages.ts'
import { insertLetterToAccount, insertLetterToAddress } from './letter-store.ts'

export type RequestLetterNeeds = { database: Database; queue: Queue; attempts: AttemptLimits }

/**
 * Asks for another letter. For an address it only notes the wish: whether anybody has that address is looked up by the
 * worker, so that the request does the same work and takes the same time for all of them.
 *
 * @param network where the request comes from; see `networkOf`
 * @throws Refusal `too_many_attempts`
 */
export async function requestLetter(
  { database, queue, attempts }: RequestLetterNeeds,
  to: { accountId: string } | { address: EmailAddress },
  network: string,
): Promise<void> {
  const attempt = await attempts.count({ letter_by_network: [network] })
  const id = uuidv7()
  await attempt.make(() =>
    inTransaction(database, async transaction => {
      if ('address' in to) await insertLetterToAddress(transaction, id, to.address)
      else if (!(await insertLetterToAccount(transaction, id, to.accountId))) return
      const kind = 'address' in to ? letterRequestedByAddress : letterRequested
      await queue.send(transaction, kind, { letter_id: id })
    }),
  )
}
