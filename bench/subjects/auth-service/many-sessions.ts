import pg from 'pg'
import { KeyRing } from '../../../src/secrets/key-ring.ts'
import { RefreshTokens } from '../../../src/sessions/refresh-token.ts'
import { SECRET_KEY } from '../../../test/support/service.ts'
import type { Credential } from '../../adapters/adapter.ts'

const KEYS = KeyRing.parse(SECRET_KEY)
const SESSIONS_AN_ACCOUNT = 4
const AT_ONCE = 250_000

/**
 * Fills a database with sessions that began in the course of the last 30 days, several an account.
 *
 * @param say shows how far it is
 */
export async function fillWithSessions(databaseUrl: string, count: number, say: (line: string) => void): Promise<void> {
  await using client = await connected(databaseUrl)
  const { keyId } = new RefreshTokens(KEYS.for('refresh-token'))
  // The tables hold what they would; only the checks of each row's account, which is there, are left out.
  await client.query('set session_replication_role = replica')
  for (let done = 0; done < count; done += AT_ONCE) {
    const sessions = Math.min(AT_ONCE, count - done)
    await client.query(
      `with people as (
         insert into account (id, email, status, password_phc, password_pepper, password_version, locale, confirmed_at)
         select gen_random_uuid(), gen_random_uuid() || '@example.com', 'active', '$argon2id$none', $1, 1, 'en', now()
         from generate_series(1, ceil($2::numeric / $3::int)::int)
         returning id
       )
       insert into session (id, account_id, amr, created_at, expires_at, idle_expires_at, rotated_at, token_key)
       select gen_random_uuid(), id, 'pwd', at, at + interval '180 days', now() + interval '30 days', at, $4
       from (select id, now() - random() * interval '30 days' as at from people, generate_series(1, $3::int)) as begun
       limit $2::numeric`,
      [KEYS.ids[0], sessions, SESSIONS_AN_ACCOUNT, keyId],
    )
    say(`${(done + sessions).toLocaleString('en')} of ${count.toLocaleString('en')} sessions`)
  }
  await client.query('vacuum analyze session, account')
  await client.query('checkpoint')
}

/** The refresh tokens of sessions that are drawn from all of them, so that each refresh meets another part of the table. */
export async function drawCredentials(databaseUrl: string, count: number): Promise<Credential[]> {
  await using client = await connected(databaseUrl)
  const tokens = new RefreshTokens(KEYS.for('refresh-token'))
  const { rows } = await client.query(
    'select id, generation from session where ended_at is null order by random() limit $1',
    [count],
  )
  return rows.map(({ id, generation }) => tokens.make({ sessionId: id, generation }))
}

async function connected(databaseUrl: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}
