import { connectTo } from '../../../test/measuring/database-client.ts'
import type { Person } from '../../adapters/adapter.ts'
import { authService } from '../../adapters/auth-service.ts'
import { signUpPeople } from '../sign-up-people.ts'

/** People whose accounts are confirmed, as if each had opened the letter. */
export async function addPeople(
  { url, databaseUrl }: { url: string; databaseUrl: string },
  count: number,
): Promise<Person[]> {
  const people = await signUpPeople(authService(), url, count)
  await confirmInDatabase(databaseUrl, people)
  return people
}

/** Confirms the accounts of people who have just signed up. */
export async function confirmInDatabase(databaseUrl: string, people: readonly Person[]): Promise<void> {
  await using client = await connectTo(databaseUrl)
  await client.query(`update account set status = 'active', confirmed_at = now() where email = any($1)`, [
    people.map(({ email }) => email),
  ])
}
