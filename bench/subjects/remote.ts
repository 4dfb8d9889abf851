import { readFileSync } from 'node:fs'
import type { Adapter, Credential } from '../adapters/adapter.ts'
import { type AdapterChoice, adapterOf } from '../adapters/by-name.ts'
import { Connection } from '../load/connection.ts'
import { signUpPeople } from './sign-up-people.ts'
import type { Subject } from './subject.ts'

export type RemoteServer = {
  adapter: AdapterChoice
  url: string
  /** A file with one credential a line, for services where none can be had by one request. */
  credentialsFile: string | undefined
}

/** A server that somebody else started, at a URL. */
export function remoteSubject({ adapter: choice, url, credentialsFile }: RemoteServer): Subject {
  const adapter = adapterOf(choice)
  return {
    name: adapter.name,
    adapter: choice,
    version: () => 'as it runs there',
    setUp: `At ${new URL(url).host}, by whoever runs it; its refresh ${adapter.refreshDoes}.`,
    isRemote: true,
    async start() {
      return {
        url,
        addPeople: count => signUpPeople(adapter, url, count),
        openSessions: count =>
          credentialsFile === undefined ? signInOften(adapter, url, count) : credentialsIn(credentialsFile, count),
        [Symbol.asyncDispose]: async () => {},
      }
    },
  }
}

async function signInOften(adapter: Adapter, url: string, count: number): Promise<Credential[]> {
  const { name, signIn, signUp } = adapter
  if (!signIn || !signUp)
    throw new Error(
      `${name} ${signIn ? 'makes no account' : 'begins no session'} in one request: name a file of credentials, one a ` +
        'line, with --credentials, as in --credentials keycloak=tokens.txt',
    )
  await using connection = new Connection(url)
  const credentials: Credential[] = []
  for (const person of await signUpPeople(adapter, url, count))
    credentials.push(signIn.read(await connection.send(signIn.ask(person))))
  return credentials
}

async function credentialsIn(file: string, count: number): Promise<Credential[]> {
  const credentials = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  if (credentials.length < count)
    throw new Error(`Needed: ${count} credentials, one a line, in ${file}\nFound:  ${credentials.length}`)
  return credentials.slice(0, count)
}
