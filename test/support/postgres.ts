import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import pg from 'pg'
import { findPostgresBinaries } from './postgres-binaries.ts'
import type { GuardAnswer, GuardRequest } from './postgres-guard.ts'

/** A PostgreSQL server for tests. */
export interface PostgresServer extends AsyncDisposable {
  /** The release's first number: 15 or 18, or what AUTH_TEST_DATABASE_URL has. */
  version: number
  /** The maintenance database, as a user who may create databases. */
  url: string
  /**
   * Ends the server and starts it again at the same url.
   *
   * @param mode `fast` ends the sessions and writes a checkpoint; `immediate` is a crash, with recovery at the start.
   * @param options.as a hot standby, which accepts no writes until `pg_promote()`
   */
  restart(mode: 'fast' | 'immediate', options?: { as: 'standby' }): Promise<void>
  /** Ends the server and removes its data. */
  stop(): Promise<void>
}

/** A database of a test's own. */
export interface TestDatabase extends AsyncDisposable {
  url: string
  /** Removes it, whoever is still connected. */
  drop(): Promise<void>
}

/**
 * Starts a real PostgreSQL on 127.0.0.1, also as root, with an empty data folder and a password of its own. Nothing of
 * it is left when the process that called this has ended, even if it was killed.
 *
 * @param major the release that it has to be; otherwise the server of AUTH_TEST_DATABASE_URL, or the newest found.
 * @throws when there is none.
 */
export async function startPostgres(major?: 15 | 18): Promise<PostgresServer> {
  const given = process.env.AUTH_TEST_DATABASE_URL
  if (given) {
    const version = await majorOf(given).catch(error => {
      throw new Error(
        'The tests need the PostgreSQL of AUTH_TEST_DATABASE_URL. ' +
          `Found: ${error.message || error.code}. Start it or correct the URL, or unset it, so that the tests start their own.`,
      )
    })
    if (major === undefined || major === version) return givenServer(given, version)
  }
  const binaries = findPostgresBinaries(major)
  const guard = fork(join(import.meta.dirname, 'postgres-guard.ts'), [JSON.stringify(binaries)], {
    detached: true, // out of reach of the signals that a terminal sends to all processes of a test run
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const url = await answerOf(guard).catch(error => {
    guard.disconnect() // upon which it ends
    throw error
  })

  let stopping: Promise<void> | undefined
  const stop = () => {
    stopping ??= endGuard(guard)
    return stopping
  }
  return {
    version: binaries.major,
    url,
    async restart(mode, options) {
      guard.send({ restart: mode, ...options } satisfies GuardRequest)
      await answerOf(guard)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Waits for the guard's next answer, the server's url. Between answers, the guard does not keep this process alive. */
async function answerOf(guard: ChildProcess): Promise<string> {
  guard.ref()
  guard.channel?.ref()
  const answered = new AbortController() // without it, each restart would leave listeners behind
  const death = once(guard, 'exit', answered).then(([code]) => [{ fault: `its guard ended with exit code ${code}` }])
  const [answer] = (await Promise.race([once(guard, 'message', answered), death])) as [GuardAnswer]
  answered.abort()
  guard.channel?.unref()
  guard.unref()
  if ('fault' in answer) throw new Error(`The tests' PostgreSQL failed: ${answer.fault}`)
  return answer.url
}

async function endGuard(guard: ChildProcess): Promise<void> {
  if (guard.exitCode !== null || guard.signalCode !== null) return
  guard.ref()
  const ended = once(guard, 'exit')
  guard.send({ stop: true } satisfies GuardRequest)
  await ended
}

function givenServer(url: string, version: number): PostgresServer {
  const stop = async () => {}
  return {
    version,
    url,
    async restart() {
      throw new Error(
        'This test needs a PostgreSQL that it may restart. Found the server of AUTH_TEST_DATABASE_URL. ' +
          'Unset that, so that the tests start a server of their own.',
      )
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function majorOf(url: string): Promise<number> {
  return await withClient(url, async client => {
    const { rows } = await client.query<{ server_version_num: string }>('show server_version_num')
    return Math.trunc(Number(rows[0]?.server_version_num) / 10_000)
  })
}

/**
 * Creates a database with a name of its own, empty or as a copy of another database of the same server.
 *
 * @param serverUrl a database of the server, as a user who may create databases.
 * @param options.template the name of the database to copy. Nobody may be connected to it while it is copied.
 */
export async function createDatabase(serverUrl: string, options: { template?: string } = {}): Promise<TestDatabase> {
  const name = `auth_test_${randomBytes(8).toString('hex')}`
  const { template } = options
  await withClient(serverUrl, async client => {
    // Without file_copy every page of the template goes through the write-ahead log.
    const source = template ? ` template ${pg.escapeIdentifier(template)} strategy file_copy` : ''
    await client.query(`create database ${name}${source}`).catch(error => {
      if (error.code !== '55006') throw error // object_in_use, after the server waited for five seconds
      throw new Error(
        `Copying the database ${template} needs it to be without connections. Found: ${error.detail ?? error.message} ` +
          'Close every client and pool of it before it serves as a template.',
      )
    })
  })
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  let dropping: Promise<void> | undefined
  const drop = () => {
    dropping ??= withClient(serverUrl, async client => {
      await client.query(`drop database ${name} with (force)`)
    })
    return dropping
  }
  return { url: url.href, drop, [Symbol.asyncDispose]: drop }
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
