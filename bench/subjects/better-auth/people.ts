import { randomUUID } from 'node:crypto'
import type { Person } from '../../adapters/adapter.ts'
import { betterAuthSession } from '../../adapters/better-auth.ts'
import { times } from './seeding.ts'

const { ask, read } = betterAuthSession().signUp!

/** Signs people up, as they would themselves. */
export async function addPeople(url: string, count: number): Promise<Person[]> {
  return await times(count, async () => {
    const person = { email: `${randomUUID()}@example.com`, password: 'a long enough passphrase' }
    const { path, ...request } = ask(person)
    const answer = await fetch(`${url}${path}`, request)
    read({ status: answer.status, headers: {}, body: await answer.text() })
    return person
  })
}
