import pg from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { KeyRing } from '../../src/secrets/key-ring.ts'
import { RefreshTokens } from '../../src/sessions/refresh-token.ts'
import { SECRET_KEY } from '../support/service.ts'

const KEYS = KeyRing.parse(SECRET_KEY)
const AT_ONCE = 10_000

/**
 * Writes sessions of one account to the database, as sign-ins would have: those would take a hash each.
 *
 * @returns their refresh tokens
 */
export async function seedSessions({ databaseUrl }: { databaseUrl: string }, count: number): Promise<string[]> {
  const tokens = new RefreshTokens(KEYS.for('refresh-token'))
  const ids = Array.from({ length: count }, () => uuidv7())
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  const accountId = await addAccount(client)
  for (let from = 0; from < count; from += AT_ONCE)
    await client.query(
      `insert into session (id, account_id, amr, expires_at, idle_expires_at, token_key)
       select id, $1, 'pwd', now() + interval '180 days', now() + interval '30 days', $2
       from unnest($3::uuid[]) as one (id)`,
      [accountId, tokens.keyId, ids.slice(from, from + AT_ONCE)],
    )
  await client.query('vacuum analyze session')
  await client.end()
  return ids.map(sessionId => tokens.make({ sessionId, generation: 1 }))
}

/** An account that nobody can sign in to. */
async function addAccount(client: pg.Client): Promise<string> {
  const id = uuidv7()
  await client.query(
    `insert into account (id, email, status, password_phc, password_pepper, password_version, locale, confirmed_at)
     values ($1, $2, 'active', '$argon2id$none', $3, 1, 'en', now())`,
    [id, `${id}@example.com`, KEYS.ids[0]],
  )
  return id
}
