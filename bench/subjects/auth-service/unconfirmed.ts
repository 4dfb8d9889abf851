import { v7 as uuidv7 } from 'uuid'
import { connectTo } from '../../../test/measuring/database-client.ts'
import { confirmationTickets, letterTokens } from '../../../test/measuring/known-keys.ts'
import { seedAccounts } from '../../../test/measuring/seeded-accounts.ts'
import type { Confirmation } from '../../adapters/adapter.ts'

/** Writes sign-ups whose letters were sent, as a mail server that took them leaves them: each would take a hash. */
export async function addUnconfirmed(databaseUrl: string, count: number): Promise<Confirmation[]> {
  await using client = await connectTo(databaseUrl)
  const accounts = await seedAccounts(client, count, 'unconfirmed')
  const letters = accounts.map(() => uuidv7())
  await client.query(
    `insert into confirmation_letter (id, account_id, address, sign_up, allowed_at, sent_at, expires_at)
     select letter.id, account.id, account.email, true, now(), now(), now() + interval '1 day'
     from unnest($1::uuid[], $2::uuid[]) as letter (id, account_id) join account on account.id = letter.account_id`,
    [letters, accounts],
  )
  await client.query('vacuum analyze account, confirmation_letter')
  return accounts.map((account, index) => ({
    token: letterTokens.make(letters[index]!),
    ticket: confirmationTickets.make(account),
  }))
}
