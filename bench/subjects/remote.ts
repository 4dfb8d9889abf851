import type { Adapter, Credential, Person } from '../adapters/adapter.ts'
import { type AdapterChoice, adapterOf } from '../adapters/by-name.ts'
import { Connection } from '../load/connection.ts'
import { confirmInDatabase } from './auth-service/people.ts'
import { isAnswered } from './first-answer.ts'
import { KeptSessions, sessionsBegun, sessionsInFile } from './kept-sessions.ts'
import { sayingEvery } from './progress.ts'
import { type ServerProcess, startExecutable } from './server-process.ts'
import { signUpPeople } from './sign-up-people.ts'
import type { Place, Subject } from './subject.ts'

const LONGEST_START = 180_000 // milliseconds: a Java server on a busy machine

export type RemoteServer = {
  /**
   * Its settings may also have `version` and `setUp`, in words for the document, and `databaseUrl`, of its database on
   * this machine, whose work is looked at then.
   */
  adapter: AdapterChoice
  url: string
  /** A file with one credential a line, for services where none can be had by one request; it is rewritten. */
  credentialsFile: string | undefined
  /** Starts it in the foreground at that URL, where it does not run already. */
  executable?: string
}

/**
 * A server that somebody else set up, at a URL. It runs until the end, also where it is started here, so that what warms up
 * slowly is measured warm, and its sessions last from one round to the next.
 *
 * @param taken names that other subjects have
 */
export function remoteSubject(server: RemoteServer, taken: readonly string[] = []): Subject {
  const { adapter: choice, url, credentialsFile, executable } = server
  const adapter = adapterOf(choice)
  const { host } = new URL(url)
  const { version = 'as it runs there', setUp, databaseUrl } = choice.settings ?? {}
  let say: Place['say'] = () => {}
  let process: ServerProcess | undefined
  const addPeople = (count: number) => addPeopleTo(server, adapter, count, say)
  const sessions = new KeptSessions(
    credentialsFile === undefined
      ? sessionsBegun(async count => signInAll(adapter, url, await addPeople(count), say))
      : sessionsInFile(credentialsFile),
  )
  const missing = whyNoPeople(server, adapter)
  return {
    name: taken.includes(adapter.name) ? `${adapter.name} at ${host}` : adapter.name,
    adapter: choice,
    version: () => version,
    setUp: [
      executable === undefined ? `At ${host}, by whoever runs it` : 'Started once, and kept until the last round',
      `; its refresh ${adapter.refreshDoes}.${setUp === undefined ? '' : ` ${setUp}`}`,
    ].join(''),
    isRemote: true,
    ...(missing !== undefined && { hasNoPeople: missing }),
    async start(place) {
      say = place.say
      const isFirst = process === undefined
      if (executable !== undefined) process ??= await startAt(url, executable)
      return {
        url,
        ...(process && { pid: process.pid }),
        ...(process && isFirst && { startTime: process.startTime }),
        ...(databaseUrl !== undefined && { databaseUrl }),
        addPeople,
        openSessions: count => {
          if (credentialsFile === undefined && missing !== undefined)
            throw new Error(
              `${missing}: name a file of credentials, one a line, with --credentials, as in --credentials ` +
                `${choice.name}=tokens.txt`,
            )
          return sessions.take(count)
        },
        keepSessions: successors => sessions.keep(successors),
        [Symbol.asyncDispose]: async () => {},
      }
    },
  }
}

/** @throws when something answers there already, which would be taken for it, or when it does not start */
async function startAt(url: string, file: string): Promise<ServerProcess> {
  const { hostname, port } = new URL(url)
  if (hostname !== '127.0.0.1') throw new Error(`--start needs a server at 127.0.0.1. Found: ${url}`)
  if (await isAnswered(Number(port), '/'))
    throw new Error(`--start needs a port that nothing uses. Found: ${url} answers`)
  return await startExecutable({ file, port: Number(port), firstPath: '/', longest: LONGEST_START })
}

/** Why nobody can sign up and in there; undefined when people can. */
function whyNoPeople({ adapter: choice }: RemoteServer, { name, signIn, signUp }: Adapter): string | undefined {
  if (!signUp) return `${name} makes no account in one request`
  if (!signIn) return `${name} begins no session in one request`
  if (choice.name === 'auth-service' && choice.settings?.databaseUrl === undefined)
    return (
      `${name} lets nobody in whose email is not confirmed (--setting auth-service.databaseUrl=… lets accounts be ` +
      'confirmed in its database)'
    )
  return undefined
}

async function addPeopleTo(
  { adapter: choice, url }: RemoteServer,
  adapter: Adapter,
  count: number,
  say: Place['say'],
): Promise<Person[]> {
  const people = await signUpPeople(adapter, url, count, say)
  const databaseUrl = choice.settings?.databaseUrl
  if (choice.name === 'auth-service' && databaseUrl !== undefined) await confirmInDatabase(databaseUrl, people)
  return people
}

async function signInAll(
  { name, signIn }: Adapter,
  url: string,
  people: readonly Person[],
  say: Place['say'],
): Promise<Credential[]> {
  await using connection = new Connection(url)
  const credentials: Credential[] = []
  const done = sayingEvery(people.length, far => say(`${name}: ${far} people have signed in`))
  for (const person of people) {
    credentials.push(signIn!.read(await connection.send(signIn!.ask(person))))
    done()
  }
  return credentials
}
