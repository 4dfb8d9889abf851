import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { OperatorError } from '../operator-error.ts'
import { type Database, type DatabaseTransaction, errorCode, inTransaction, type Queryable } from './database.ts'

const DIRECTORY = join(import.meta.dirname, '../../migrations')
const LOCK = 4_190_552_317 // any constant that nobody else uses in this database

export const INSUFFICIENT_PRIVILEGE = '42501' // SQLSTATE

type Migration = { number: number; name: string; text: string; checksum: string }

/**
 * Brings the schema up to what this program needs, in one transaction under a lock: of several processes that start
 * at once, one migrates and the others wait. Where it is current already, no right to change it is needed.
 *
 * @returns the names of the migrations that were run
 * @throws OperatorError when the database is newer than the program, a migration was edited after it ran, or the role may not
 *   change the schema
 */
export async function migrate(database: Database): Promise<string[]> {
  const known = await readMigrations()
  if ((await pendingOn(database, known)).length === 0) return []
  try {
    return await run(database, known)
  } catch (error) {
    if (errorCode(error) === INSUFFICIENT_PRIVILEGE) throw missingRights(error)
    throw error
  }
}

/** The migrations that have not been run, without any right but to read. */
async function pendingOn(database: Database, known: Migration[]): Promise<Migration[]> {
  const { rows } = await sql<{ isThere: boolean }>`select to_regclass('migration') is not null as "isThere"`.execute(
    database,
  )
  return rows[0]!.isThere ? pendingOf(known, database) : known
}

function run(database: Database, known: Migration[]): Promise<string[]> {
  return inTransaction(database, async transaction => {
    await sql`set local statement_timeout = 0`.execute(transaction) // a migration, and waiting for one, may take long
    await sql`select pg_advisory_xact_lock(${sql.lit(LOCK)})`.execute(transaction)
    await sql`create table if not exists migration (
      number integer primary key,
      name text not null,
      checksum text not null,
      applied_at timestamptz not null default now()
    )`.execute(transaction)
    const pending = await pendingOf(known, transaction)
    for (const migration of pending) await apply(migration, transaction)
    return pending.map(migration => migration.name)
  })
}

async function readMigrations(): Promise<Migration[]> {
  const names = (await readdir(DIRECTORY)).filter(name => name.endsWith('.sql')).sort()
  return Promise.all(
    names.map(async name => {
      const text = await readFile(join(DIRECTORY, name), 'utf8')
      return { number: Number(name.slice(0, 4)), name, text, checksum: createHash('sha256').update(text).digest('hex') }
    }),
  )
}

async function pendingOf(known: Migration[], db: Queryable): Promise<Migration[]> {
  const { rows: applied } = await sql<{ number: number; name: string; checksum: string }>`
    select number, name, checksum from migration order by number`.execute(db)
  for (const row of applied) {
    const migration = known.find(({ number }) => number === row.number)
    if (!migration)
      throw new OperatorError({
        needed: `a database that this version of the service knows, up to ${known.at(-1)?.name}`,
        found: `a newer one: migration ${row.name} has been run on it`,
        remedy: 'start the newer version of the service again, or restore a backup from before the upgrade',
      })
    if (migration.checksum !== row.checksum)
      throw new OperatorError({
        needed: `migration ${row.name} as it was when it ran on this database`,
        found: 'a file of that name with other contents',
        remedy: 'restore the file from the release; a landed migration is never edited, a new one is added',
      })
  }
  return known.filter(({ number }) => !applied.some(row => row.number === number))
}

// PGlite takes one statement a query; a block that executes the file's text is one, on PostgreSQL too.
async function apply(migration: Migration, transaction: DatabaseTransaction): Promise<void> {
  await sql`${sql.raw(`do $block$ begin execute $file$${migration.text}$file$; end $block$`)}`.execute(transaction)
  await sql`insert into migration (number, name, checksum)
    values (${migration.number}, ${migration.name}, ${migration.checksum})`.execute(transaction)
}

/** What to say when the role of the service may not change the schema, which is not current. */
export function missingRights(cause: unknown): OperatorError {
  return new OperatorError(
    {
      needed: 'the schema that this version of the service uses, or a role that may change it',
      found: `an older schema or none, and a role that may not change it (${(cause as Error).message})`,
      remedy:
        'run "auth-service migrate" with the owner of the tables in AUTH_DATABASE_URL, then grant what docs/audit.md lists',
    },
    { cause },
  )
}
