import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { findPostgresBinaries } from '../../../support/postgres-binaries.ts'
import type { GuardAnswer, GuardRequest } from '../../../support/postgres-guard.ts'
import { emptyDirectory } from '../../../support/process.ts'

/** A PostgreSQL whose disk can be made full. */
export type SmallDisk = AsyncDisposable & {
  postgresUrl: string
  /** How the disk is made full, as a remark. */
  way: string
  /** @param databaseUrl the database that is to meet the full disk */
  fill(databaseUrl: string): Promise<void>
  free(databaseUrl: string): Promise<void>
}

const SIZE = '192m' // an empty server with the service's schema needs some 100
const GUARD = join(import.meta.dirname, '../../../support/postgres-guard.ts')

/**
 * Starts a PostgreSQL on a disk of its own in memory, in a mount namespace that ends with it. Where this user may make
 * none, the given server is made to answer as one whose disk is full.
 */
export async function openSmallDisk(postgresUrl: string): Promise<SmallDisk> {
  const namespace = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount']
  await using opened = new AsyncDisposableStack()
  const directory = opened.use(await emptyDirectory())
  const mount = ['sh', '-c', `mount -t tmpfs -o size=${SIZE},mode=1777 tmpfs "$0" && TMPDIR="$0" exec "$@"`]
  const trial = spawnSync('unshare', [...namespace, ...mount, directory.path, 'true'])
  if (trial.status !== 0) return pretendedDisk(postgresUrl)

  const guard = spawn(
    'unshare',
    [...namespace, ...mount, directory.path, process.execPath, GUARD, JSON.stringify(findPostgresBinaries())],
    { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] },
  )
  opened.defer(() => end(guard))
  const [answer] = (await Promise.race([once(guard, 'message'), once(guard, 'exit')])) as [GuardAnswer | number]
  if (typeof answer !== 'object' || 'fault' in answer)
    throw new Error(`PostgreSQL did not start on a disk of ${SIZE}: ${JSON.stringify(answer)}`)
  const ballast = join(`/proc/${guard.pid}/root`, directory.path, 'ballast')
  const parts = opened.move()
  return {
    postgresUrl: answer.url,
    way: `PostgreSQL lay on a disk of its own of ${SIZE}, which a file filled to the last byte.`,
    async fill(databaseUrl) {
      await beginLogSegment(databaseUrl)
      fillUp(ballast)
    },
    free: async () => rmSync(ballast),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

// PostgreSQL ends when it has no room for its log; a whole segment of it is there before the disk is full.
async function beginLogSegment(databaseUrl: string): Promise<void> {
  await ask(databaseUrl, 'checkpoint', 'select pg_switch_wal()', 'create table filled ()', 'drop table filled')
}

const CHUNK = 1024 * 1024 // bytes

function fillUp(file: string): void {
  const descriptor = openSync(file, 'w')
  try {
    for (let size = CHUNK; size >= 1; )
      try {
        writeSync(descriptor, Buffer.alloc(size))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        size >>= 1
      }
  } finally {
    closeSync(descriptor)
  }
}

async function end(guard: ChildProcess): Promise<void> {
  if (guard.exitCode !== null || guard.signalCode !== null) return
  const ended = once(guard, 'exit')
  guard.send({ stop: true } satisfies GuardRequest)
  await ended
}

const REFUSING = ['account', 'confirmation_letter', 'session', 'pgboss.job']

function pretendedDisk(postgresUrl: string): SmallDisk {
  return {
    postgresUrl,
    way:
      'This user may mount no disk: PostgreSQL was made to answer each insertion as it does when the disk is full ' +
      '(SQLSTATE 53100), by triggers.',
    fill: databaseUrl =>
      ask(
        databaseUrl,
        `create or replace function refuse_as_full() returns trigger language plpgsql as
          $$ begin raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'; end $$`,
        ...REFUSING.map(
          table => `create trigger full_disk before insert on ${table} for each row execute function refuse_as_full()`,
        ),
      ),
    free: databaseUrl => ask(databaseUrl, ...REFUSING.map(table => `drop trigger full_disk on ${table}`)),
    async [Symbol.asyncDispose]() {},
  }
}

async function ask(databaseUrl: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}
