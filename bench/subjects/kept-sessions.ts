import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Credential } from '../adapters/adapter.ts'

/** Where the sessions of a running server are kept between one load and the next. */
export type SessionStore = {
  /** At least so many. @throws with what is needed and found, when there are fewer */
  read(count: number): Promise<Credential[]>
  write(credentials: readonly Credential[]): void
}

/**
 * The sessions of a server that outlives a round. A refresh token that was exchanged is worth nothing, or ends its
 * session, so each load goes on with what the one before has left.
 */
export class KeptSessions {
  readonly #store: SessionStore
  #kept: Credential[] = []
  #inUse = new Set<Credential>()

  constructor(store: SessionStore) {
    this.#store = store
  }

  async take(count: number): Promise<Credential[]> {
    this.#kept = await this.#store.read(count)
    const taken = this.#kept.slice(0, count)
    this.#inUse = new Set(taken)
    return taken
  }

  /** Replaces those that were taken. @param successors what they go on with; sessions that ended are left out */
  keep(successors: readonly Credential[]): void {
    this.#kept = [...successors, ...this.#kept.filter(credential => !this.#inUse.has(credential))]
    this.#inUse = new Set(successors)
    this.#store.write(this.#kept)
  }
}

/** A file with one credential a line, which is rewritten after each load, so that a later run can go on with it. */
export function sessionsInFile(file: string): SessionStore {
  return {
    async read(count) {
      const credentials = existsSync(file) ? linesOf(readFileSync(file, 'utf8')) : []
      if (credentials.length < count)
        throw new Error(`Needed: ${count} credentials, one a line, in ${file}\nFound:  ${credentials.length}`)
      return credentials
    },
    write: credentials => writeFileSync(file, credentials.map(credential => `${credential}\n`).join('')),
  }
}

/** Sessions that are begun when they are first needed. @param begin begins so many further ones */
export function sessionsBegun(begin: (count: number) => Promise<Credential[]>): SessionStore {
  let credentials: readonly Credential[] = []
  return {
    async read(count) {
      if (credentials.length < count) credentials = [...credentials, ...(await begin(count - credentials.length))]
      return [...credentials]
    },
    write(successors) {
      credentials = successors
    },
  }
}

const linesOf = (text: string) =>
  text
    .split('\n')
    .map(line => line.trim())
    .filter(Boolean)
