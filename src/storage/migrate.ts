import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setInterval as every, setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { OperatorError } from '../operator-error.ts'
import { type Database, type DatabaseTransaction, errorCode, inTransaction, type Queryable } from './database.ts'

const DIRECTORY = join(import.meta.dirname, '../../migrations')
const LOCK = 4_190_552_317 // any constant that nobody else uses in this database

export const INSUFFICIENT_PRIVILEGE = '42501' // SQLSTATE

/** A transaction that has what another one waits for. */
export type Blocker = { pid: number; application: string | null; since: Date | null }

/**
 * Milliseconds for which a lock is waited for at a time. Whoever asks for the same table meanwhile waits too, and must
 * still be answered within the 2 seconds of a request. Above PostgreSQL's `deadlock_timeout` of 1 second, since only
 * then does an autovacuum give way to who waits for it.
 */
const LONGEST_LOCK_WAIT = 1_200
const LET_OTHERS_THROUGH = 5_000 // milliseconds
const LOOKED_AGAIN_AFTER = 400 // milliseconds; several times within a wait
const PATIENCE = 600_000 // milliseconds
/** Milliseconds of a pause after which the server ends the transaction: the host of the process is lost, and others wait. */
const LONGEST_PAUSE = 60_000

const SHOWN_AS = 'auth-service migration' // in pg_stat_activity

/** SQLSTATEs lock_not_available and deadlock_detected: the transaction may succeed when the other ones have ended. */
const LOCKED = ['55P03', '40P01']

export type MigrateOptions = {
  /** Is run in the transaction, after the last migration: what it throws undoes them all. Not where none is pending. */
  verify?: (transaction: DatabaseTransaction) => Promise<unknown>
  /** Milliseconds after which a lock that is not to be had ends it. */
  patience?: number
  /** Is told before each further try. */
  onWait?: (blockers: Blocker[]) => void
  /** Is told, again and again, that another process migrates, which this one waits for. */
  onTurnOfAnother?: () => void
}

type Migration = { number: number; name: string; text: string; checksum: string }

/**
 * Brings the schema up to what this program needs, in one transaction under a lock: of several processes that start
 * at once, one migrates and the others wait. Where it is current already, no right to change it is needed.
 *
 * @returns the names of the migrations that were run
 * @throws OperatorError when the database is newer than the program, a migration was edited after it ran, the role may not
 *   change the schema, or others keep its tables for long; and whatever `verify` throws
 */
export async function migrate(database: Database, options: MigrateOptions = {}): Promise<string[]> {
  const known = await readMigrations()
  if ((await pendingOn(database, known)).length === 0) return []
  try {
    return await run(database, known, options)
  } catch (error) {
    if (errorCode(error) === INSUFFICIENT_PRIVILEGE) throw missingRights(error)
    throw error
  }
}

/**
 * Changes nothing: that is for what serves, since the release that serves may be an older one, which could not start any more.
 * @throws OperatorError when the schema is not the one that this program needs
 */
export async function refuseOtherSchema(database: Database): Promise<void> {
  const known = await readMigrations()
  const [first] = await pendingOn(database, known)
  if (!first) return
  throw new OperatorError({
    needed: `a database that this version of the service has brought up to date, to ${known.at(-1)!.name}`,
    found: (await hasMigrations(database)) ? `an older one, without ${first.name}` : 'an empty one',
    remedy:
      'run "auth-service migrate" or start this version of the service; while an older version serves, run its command instead',
  })
}

/** Whether any version of the service has made its tables. */
export async function hasMigrations(database: Database): Promise<boolean> {
  const { rows } = await sql<{ isThere: boolean }>`select to_regclass('migration') is not null as "isThere"`.execute(
    database,
  )
  return rows[0]!.isThere
}

/** The migrations that have not been run, without any right but to read. */
async function pendingOn(database: Database, known: Migration[]): Promise<Migration[]> {
  return (await hasMigrations(database)) ? pendingOf(known, database) : known
}

function run(database: Database, known: Migration[], options: MigrateOptions): Promise<string[]> {
  const { verify = async () => {}, onTurnOfAnother = () => {} } = options
  const work = async (transaction: DatabaseTransaction) => {
    await sql`create table if not exists migration (
      number integer primary key,
      name text not null,
      checksum text not null,
      applied_at timestamptz not null default now()
    )`.execute(transaction)
    const pending = await pendingOf(known, transaction)
    for (const migration of pending) await apply(migration, transaction)
    await verify(transaction)
    return pending.map(migration => migration.name)
  }
  return inTurn(database, turn => patiently(turn, work, options), onTurnOfAnother)
}

/** The transaction of the one process that migrates, and the database, by which another connection watches it. */
type Turn = { transaction: DatabaseTransaction; pid: number; database: Database }

/**
 * Runs `work` in one transaction, without limit of time, while no other process does. Until then this one asks for nothing
 * else, so that nobody waits behind it. It waits without end: the other one has finished, given up or been ended before.
 */
async function inTurn<Result>(
  database: Database,
  work: (turn: Turn) => Promise<Result>,
  onTurnOfAnother: () => void,
): Promise<Result> {
  for (; ; await pause(LOOKED_AGAIN_AFTER)) {
    const done = await inTransaction(database, async transaction => {
      const { rows } = await sql<{ pid: number; isOurs: boolean }>`
        select pg_backend_pid() as pid, pg_try_advisory_xact_lock(${sql.lit(LOCK)}) as "isOurs",
          set_config('application_name', ${SHOWN_AS}, true), set_config('statement_timeout', '0', true),
          set_config('lock_timeout', ${String(LONGEST_LOCK_WAIT)}, true),
          set_config('idle_in_transaction_session_timeout', ${String(LONGEST_PAUSE)}, true)
      `.execute(transaction)
      const { pid, isOurs } = rows[0]!
      // Without plugins, since the guard against asking the database inside a transaction is one.
      return isOurs && { result: await work({ transaction, pid, database: database.withoutPlugins() }) }
    })
    if (done) return done.result
    onTurnOfAnother()
  }
}

/**
 * Does `work`, which may need whole tables. While somebody else has one, all but the turn is undone and tried again, so
 * that nobody waits behind it for long.
 *
 * @throws OperatorError when it has been kept waiting for 10 minutes
 */
async function patiently<Result>(
  turn: Turn,
  work: (transaction: DatabaseTransaction) => Promise<Result>,
  { patience = PATIENCE, onWait = () => {} }: MigrateOptions,
): Promise<Result> {
  await sql`savepoint untouched`.execute(turn.transaction)
  for (const deadline = performance.now() + patience; ; await pause(LET_OTHERS_THROUGH)) {
    const outcome = await attempt(turn, work)
    if ('result' in outcome) return outcome.result
    if (performance.now() > deadline) throw keptWaiting(outcome.blockers)
    onWait(outcome.blockers)
  }
}

async function attempt<Result>(
  { transaction, pid, database }: Turn,
  work: (transaction: DatabaseTransaction) => Promise<Result>,
): Promise<{ result: Result } | { blockers: Blocker[] }> {
  const over = new AbortController()
  const blockers = watchBlockers(database, pid, over.signal)
  try {
    return { result: await work(transaction) }
  } catch (error) {
    if (!LOCKED.includes(errorCode(error) ?? '')) throw error
    await sql`rollback to savepoint untouched`.execute(transaction) // which releases the table locks
    over.abort()
    // Behind a full pooler the other connection may wait for the one of this transaction.
    return { blockers: await Promise.race([blockers, pause(LONGEST_LOCK_WAIT, [], { ref: false })]) }
  } finally {
    over.abort()
  }
}

/**
 * Whom a transaction was last seen waiting for. PostgreSQL tells only while it waits, and only another connection: without one
 * nobody is named. On the embedded database nobody else is there.
 */
async function watchBlockers(database: Database, pid: number, signal: AbortSignal): Promise<Blocker[]> {
  let blockers: Blocker[] = []
  try {
    for await (const _ of every(LOOKED_AGAIN_AFTER, undefined, { signal })) {
      const { rows } = await sql<Blocker>`
        select distinct blocking.pid, application_name as application, xact_start as since
        from unnest(pg_blocking_pids(${pid})) as blocking (pid) left join pg_stat_activity using (pid)
      `.execute(database)
      if (rows.length > 0) blockers = rows
    }
  } catch {
    // The transaction is over, or there is no other connection.
  }
  return blockers
}

function keptWaiting(blockers: Blocker[]): OperatorError {
  const list = blockers.map(({ pid, application, since }) =>
    pid === 0
      ? 'a prepared transaction' // it has no process
      : `process ${pid} (${application || 'without a name'}${since ? `, since ${since.toISOString()}` : ''})`,
  )
  const pids = blockers.map(({ pid }) => pid).filter(pid => pid > 0)
  return new OperatorError({
    needed: 'the locks that the migration takes',
    found: `other transactions that hold them: ${list.join(', ') || 'they could not be seen'}`,
    remedy: `let them end, or end them, ${(pids.length > 0 ? pids : ['PID']).map(pid => `select pg_terminate_backend(${pid})`).join(', ')}; then start again`,
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
        remedy:
          'start the newer version of the service and run its commands, or restore a backup from before the upgrade',
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
