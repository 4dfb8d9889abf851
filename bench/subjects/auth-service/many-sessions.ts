import { connectTo } from '../../../test/measuring/database-client.ts'
import { refreshTokens } from '../../../test/measuring/known-keys.ts'
import { seedAccounts } from '../../../test/measuring/seeded-accounts.ts'
import type { Credential } from '../../adapters/adapter.ts'

const SESSIONS_AN_ACCOUNT = 4
const AT_ONCE = 250_000

/**
 * Fills a database with sessions that began in the course of the last 30 days, several an account.
 *
 * @param say shows how far it is
 */
export async function fillWithSessions(databaseUrl: string, count: number, say: (line: string) => void): Promise<void> {
  await using client = await connectTo(databaseUrl)
  // The tables hold what they would; only the checks of each row's account, which is there, are left out.
  await client.query('set session_replication_role = replica')
  for (let done = 0; done < count; done += AT_ONCE) {
    const sessions = Math.min(AT_ONCE, count - done)
    const accounts = await seedAccounts(client, Math.ceil(sessions / SESSIONS_AN_ACCOUNT), 'active')
    await client.query(
      `insert into session (id, account_id, amr, created_at, expires_at, idle_expires_at, rotated_at, token_key)
       select gen_random_uuid(), id, 'pwd', at, at + interval '180 days', now() + interval '30 days', at, $1
       from (
         select id, now() - random() * interval '30 days' as at
         from unnest($2::uuid[]) as account (id), generate_series(1, $3::int)
       ) as begun
       limit $4`,
      [refreshTokens.keyId, accounts, SESSIONS_AN_ACCOUNT, sessions],
    )
    say(`${(done + sessions).toLocaleString('en')} of ${count.toLocaleString('en')} sessions`)
  }
  await client.query('vacuum analyze session, account')
  await client.query('checkpoint')
}

/** The refresh tokens of sessions that are drawn from all of them, so that each refresh meets another part of the table. */
export async function drawCredentials(databaseUrl: string, count: number): Promise<Credential[]> {
  await using client = await connectTo(databaseUrl)
  const { rows } = await client.query(
    'select id, generation from session where ended_at is null order by random() limit $1',
    [count],
  )
  return rows.map(({ id, generation }) => refreshTokens.make({ sessionId: id, generation }))
}
