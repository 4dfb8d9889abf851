import { pino } from 'pino'
import { v7 as uuidv7 } from 'uuid'
import { insertAccount } from '../../../src/accounts/account-store.ts'
import { accountCreated } from '../../../src/accounts/messages.ts'
import { readConfig } from '../../../src/config.ts'
import type { EmailAddress } from '../../../src/email/address.ts'
import { openStorage } from '../../../src/open-storage.ts'
import { inTransaction } from '../../../src/storage/database.ts'
import { createQueue } from '../../../src/storage/queue.ts'

const LOGGER = pino({ level: 'silent' })

/** Writes sign-ups whose letters are still to be sent, as a time without a mail server leaves them behind. */
export async function seedSignUps(environment: Record<string, string>, count: number): Promise<void> {
  await using storage = await openStorage(readConfig(environment), LOGGER)
  const queue = createQueue({ backend: storage.queueBackend, kinds: [accountCreated], logger: LOGGER })
  await queue.open()
  const password = { phc: '$argon2id$none', pepper: storage.secretKeys.ids[0]!, version: 1 }
  for (let number = 0; number < count; number++)
    await inTransaction(storage.database, async transaction => {
      const id = uuidv7()
      const email = `seeded-${id}@example.com` as EmailAddress
      await insertAccount(transaction, { id, email, password, locale: 'en', signedUpFrom: Buffer.alloc(16, number) })
      await queue.send(transaction, accountCreated, { account_id: id })
    })
  await queue.stop(1_000)
}
