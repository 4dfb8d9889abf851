import { randomUUID } from 'node:crypto'
import type { Adapter, Person } from '../adapters/adapter.ts'
import { Connection } from '../load/connection.ts'
import { sayingEvery } from './progress.ts'

/**
 * Signs people up, one after the other, as they would themselves.
 *
 * @param url origin
 * @param say shows how far it is
 * @throws when the service makes no account in one request
 */
export async function signUpPeople(
  { name, signUp }: Adapter,
  url: string,
  count: number,
  say: (line: string) => void = () => {},
): Promise<Person[]> {
  if (!signUp) throw new Error(`${name} makes no account in one request: people cannot be added from here`)
  await using connection = new Connection(url)
  const people = Array.from({ length: count }, newPerson)
  const done = sayingEvery(count, far => say(`${name}: ${far} people have signed up`))
  for (const person of people) {
    signUp.read(await connection.send(signUp.ask(person)))
    done()
  }
  return people
}

const newPerson = (): Person => ({ email: `${randomUUID()}@example.com`, password: 'a long enough passphrase' })
