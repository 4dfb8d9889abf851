import { v7 as uuidv7 } from 'uuid'
import { connectTo } from './database-client.ts'
import { refreshTokens } from './known-keys.ts'
import { seedAccounts } from './seeded-accounts.ts'

const AT_ONCE = 10_000

/**
 * Writes sessions of one account to the database, as sign-ins would have: those would take a hash each.
 *
 * @returns their refresh tokens
 */
export async function seedSessions({ databaseUrl }: { databaseUrl: string }, count: number): Promise<string[]> {
  await using client = await connectTo(databaseUrl)
  const ids = Array.from({ length: count }, () => uuidv7())
  const [accountId] = await seedAccounts(client, 1, 'active')
  for (let from = 0; from < count; from += AT_ONCE)
    await client.query(
      `insert into session (id, account_id, amr, expires_at, idle_expires_at, token_key)
       select id, $1, 'pwd', now() + interval '180 days', now() + interval '30 days', $2
       from unnest($3::uuid[]) as one (id)`,
      [accountId, refreshTokens.keyId, ids.slice(from, from + AT_ONCE)],
    )
  await client.query('vacuum analyze session')
  return ids.map(sessionId => refreshTokens.make({ sessionId, generation: 1 }))
}
