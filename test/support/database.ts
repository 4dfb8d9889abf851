import { PGlite } from '@electric-sql/pglite'
import { sql } from 'kysely'
import pg from 'pg'
import { pino } from 'pino'
import { type Database, embeddedDatabase } from '../../src/storage/database.ts'
import { migrate } from '../../src/storage/migrate.ts'
import { postgresDatabase } from '../../src/storage/postgres.ts'
import { createDatabase } from './postgres.ts'

/** Every suite that asks the database runs on each of them. */
export const DATABASES = ['PGlite', 'PostgreSQL'] as const
export type DatabaseKind = (typeof DATABASES)[number]

export type OpenedDatabase = AsyncDisposable & { database: Database }

/** An empty database with the schema of the service. */
export async function openTestDatabase(kind: DatabaseKind): Promise<OpenedDatabase> {
  const opened = kind === 'PGlite' ? await openPglite() : await openPostgres()
  await migrate(opened.database)
  return opened
}

/** A database of the test's own on the server that the test run started. @param options as of {@link createDatabase} */
export function createTestDatabase(options?: { template: string }): ReturnType<typeof createDatabase> {
  const server = process.env.AUTH_TEST_POSTGRES
  if (!server) throw new Error('AUTH_TEST_POSTGRES is missing: run this file by npm test -- <file>')
  return createDatabase(server, options)
}

/** Gives the sessions of a database other defaults than PostgreSQL's, in all that changes what statements do. */
export async function alterDefaults(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const name = pg.escapeIdentifier(new URL(url).pathname.slice(1))
  for (const setting of [
    `default_transaction_isolation = 'serializable'`,
    `datestyle = 'German, DMY'`,
    'standard_conforming_strings = off',
  ])
    await client.query(`alter database ${name} set ${setting}`)
  await client.end()
}

async function openPglite(): Promise<OpenedDatabase> {
  const pglite = await PGlite.create()
  return { database: embeddedDatabase(pglite), [Symbol.asyncDispose]: () => pglite.close() }
}

async function openPostgres(): Promise<OpenedDatabase> {
  const { url, drop } = await createTestDatabase()
  const database = postgresDatabase(url, pino({ level: 'silent' }), { work: 'background' })
  return {
    database,
    async [Symbol.asyncDispose]() {
      await database.destroy()
      await drop()
    },
  }
}

/** Freezes the clock that stored lifetimes are judged by, for all connections at once. @param at an RFC 3339 time */
export async function freezeClock(database: Database, at: string): Promise<void> {
  await replaceClock(database, `timestamptz '${new Date(at).toISOString()}'`)
}

/** Moves the clock that stored lifetimes are judged by ahead of the real one. */
export async function shiftClock(database: Database, seconds: number): Promise<void> {
  await replaceClock(database, `now() + interval '${Number(seconds)} seconds'`)
}

async function replaceClock(database: Database, expression: string): Promise<void> {
  await sql`${sql.raw(`create or replace function auth_now() returns timestamptz
    language sql stable parallel safe as $$ select ${expression} $$`)}`.execute(database)
}
