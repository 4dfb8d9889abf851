import type pg from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { KEY_ID } from './known-keys.ts'

/**
 * Writes accounts that nobody can sign in to: each password would take a hash.
 *
 * @param status of all of them
 * @returns their ids; the address of each is its id at example.com
 */
export async function seedAccounts(
  client: pg.Client,
  count: number,
  status: 'active' | 'unconfirmed',
): Promise<string[]> {
  const ids = Array.from({ length: count }, () => uuidv7())
  await client.query(
    `insert into account (id, email, status, password_phc, password_pepper, password_version, locale, confirmed_at)
     select id, id || '@example.com', $2::text, '$argon2id$none', $3, 1, 'en', case $2::text when 'active' then now() end
     from unnest($1::uuid[]) as one (id)`,
    [ids, status, KEY_ID],
  )
  return ids
}
