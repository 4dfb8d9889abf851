import type { Confirmation, Credential, Person } from '../adapters/adapter.ts'
import type { AdapterChoice } from '../adapters/by-name.ts'

/** A service that is measured. */
export type Subject = {
  /** As the tables name it. */
  name: string
  adapter: AdapterChoice
  /** Of its package, as installed. */
  version(): string
  /** How it is set up, where that differs from its defaults; sentences for the document. */
  setUp: string
  /** Whether somebody else set it up, so that it does not use the database of its place. */
  isRemote?: true
  /** Why nobody can sign up and in there, where the adapter alone does not tell. */
  hasNoPeople?: string
  /** Starts it as one process, on an empty database of its own. @throws with what it printed, when it does not answer */
  start(place: Place): Promise<Running>
}

export type Place = {
  /** An empty database on the server that all subjects share. */
  databaseUrl: string
  /** For files of its own. */
  directory: string
  /** A mail server that drops what it gets. */
  smtpUrl: string
  /** Shows how far it is, where something takes long. */
  say(line: string): void
}

export type Running = AsyncDisposable & {
  /** Origin, without a slash at its end. */
  url: string
  /** Of its process; absent where it was not started here. */
  pid?: number
  /** Milliseconds from the start of its process to its first answer; absent where it ran already. */
  startTime?: number
  /** The database that it uses instead of that of its place, where that can be looked at. */
  databaseUrl?: string
  /** Makes people who can sign in, before anything is measured. */
  addPeople(count: number): Promise<Person[]>
  /** Makes people who are yet to confirm, before anything is measured; absent where their tokens would take a real letter. */
  addUnconfirmed?(count: number): Promise<Confirmation[]>
  /** Begins sessions, before anything is measured; it may write to the database directly. */
  openSessions(count: number): Promise<Credential[]>
  /** Takes back what the sessions go on with, where they last from one round to the next. */
  keepSessions?(successors: readonly Credential[]): void
}
