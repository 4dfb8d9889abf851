import pg from 'pg'
import { signUp } from '../../../test/support/service.ts'
import type { Person } from '../../adapters/adapter.ts'

const AT_ONCE = 8

/** People whose accounts are confirmed, as if each had opened the letter. */
export async function addPeople(
  { url, databaseUrl }: { url: string; databaseUrl: string },
  count: number,
): Promise<Person[]> {
  const people: Person[] = []
  while (people.length < count) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - people.length) }, () => signUp({ url }))
    people.push(...(await Promise.all(batch)).map(({ email, password }) => ({ email, password })))
  }
  await confirm(
    databaseUrl,
    people.map(({ email }) => email),
  )
  return people
}

async function confirm(databaseUrl: string, emails: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query(`update account set status = 'active', confirmed_at = now() where email = any($1)`, [emails])
  await client.end()
}
