import assert from 'node:assert/strict'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { sql } from 'kysely'
import pg from 'pg'
import { pino } from 'pino'
import { migrate } from '../../src/storage/migrate.ts'
import { postgresDatabase } from '../../src/storage/postgres.ts'
import type { Alteration } from '../support/altered-source.ts'
import { environmentOf } from '../support/command.ts'
import { createTestDatabase, DATABASES } from '../support/database.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import {
  confirmedAccount,
  exchange,
  fillDataDirectory,
  SECRET_KEY,
  send,
  signIn,
  startTestService,
  type TestService,
} from '../support/service.ts'

/** A release with one more migration, of which the second statement needs the sessions for itself. */
async function laterRelease() {
  const directory = await emptyDirectory()
  const migrations = join(directory.path, 'migrations')
  mkdirSync(migrations)
  cpSync(join(import.meta.dirname, '../../migrations'), migrations, { recursive: true })
  writeFileSync(
    join(migrations, '9999_later.sql'),
    'create table later ();\nalter table session add column later integer;\n',
  )
  const alterations: Alteration[] = [
    {
      file: 'storage/migrate.ts',
      find: "join(import.meta.dirname, '../../migrations')",
      replace: JSON.stringify(migrations),
    },
  ]
  return { alterations, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() }
}

/** Whether anything of the later release's migration is there. */
async function hasLater({ service }: TestService): Promise<boolean> {
  const { rows } = await sql<{ isThere: boolean }>`
    select to_regclass('later') is not null as "isThere"`.execute(service.database)
  return rows[0]!.isThere
}

/** A connection of somebody else, in a transaction that has run these statements and stays open. */
async function openTransaction(url: string, ...statements: string[]) {
  const client = new pg.Client({ connectionString: url, application_name: 'nightly backup' })
  await client.connect()
  for (const statement of ['begin isolation level repeatable read', ...statements]) await client.query(statement)
  const { rows } = await client.query('select pg_backend_pid() as pid')
  return {
    client,
    pid: rows[0].pid as number,
    async [Symbol.asyncDispose]() {
      await client.query('rollback')
      await client.end()
    },
  }
}

describe('a migration', () => {
  test('behind a long transaction lets refreshes through, says whom it waits for, and runs afterwards', async () => {
    await using release = await laterRelease()
    await using running = await startTestService('PostgreSQL')
    let token = await signIn(running, await confirmedAccount(running))
    await using directory = await emptyDirectory()
    const env = { ...environmentOf(running), AUTH_DATA_DIR: directory.path, AUTH_MAILBOX: 'on' }
    let isWaiting = false
    await using starting = await (async () => {
      await using backup = await openTransaction(running.databaseUrl!, 'lock table session in access share mode') // as pg_dump does
      const later = new ServiceProcess(env, [], release.alterations)
      const warned = later.until(/^\{.*the migration waits.*\}$/m).finally(() => {
        isWaiting = true
      })
      warned.catch(() => {}) // awaited below
      while (!isWaiting) {
        const { status, body } = await exchange(running, token)
        assert.equal(status, 200)
        token = body.refresh_token
      }
      const { level, blockers } = JSON.parse((await warned)[0])
      assert.equal(level, 'warn')
      assert.deepEqual(Object.keys(blockers[0]), ['pid', 'application', 'since'])
      assert.deepEqual([blockers[0].pid, blockers[0].application], [backup.pid, 'nightly backup'])
      assert.equal(await hasLater(running), false)
      return later
    })()
    assert.equal((await send(`${await starting.started()}/readyz`)).status, 200)
    assert.equal(await hasLater(running), true)
    assert.equal((await exchange(running, token)).status, 200)
  })

  test('that never gets its locks changes nothing, and names who has them', async () => {
    await using created = await createTestDatabase()
    await using other = await openTransaction(created.url, 'create table migration ()')
    const database = postgresDatabase(created.url, pino({ level: 'silent' }), { work: 'migration' })
    try {
      await assert.rejects(migrate(database, { patience: 0 }), {
        name: 'OperatorError',
        message: new RegExp(`^Needed: .*\nFound: .*${other.pid} \\(nightly backup, since \\d.*\nDo: .*pg_terminate`),
      })
    } finally {
      await database.destroy()
    }
    await other.client.query('rollback')
    const { rows } = await other.client.query(`select to_regclass('migration') as migration`)
    assert.deepEqual(rows, [{ migration: null }])
  })

  test('that another process does is waited for, and costs no patience', async () => {
    await using created = await createTestDatabase()
    await using migrating = await openTransaction(created.url, 'select pg_advisory_xact_lock(4190552317)')
    const database = postgresDatabase(created.url, pino({ level: 'silent' }), { work: 'migration' })
    const unexpected: unknown[] = []
    let waits = 0
    try {
      const names = await migrate(database, {
        patience: 0,
        onWait: blockers => void unexpected.push(blockers),
        onTurnOfAnother() {
          if (++waits === 5) void migrating.client.query('rollback')
        },
      })
      assert.equal(names[0], '0001_initial.sql')
    } finally {
      await database.destroy()
    }
    assert.ok(waits >= 5)
    assert.deepEqual(unexpected, [])
  })

  test('is tried by one process of several, and the others name nobody to terminate', async () => {
    await using release = await laterRelease()
    await using running = await startTestService('PostgreSQL')
    await using opened = new AsyncDisposableStack()
    const backup = opened.use(await openTransaction(running.databaseUrl!, 'lock table session in access share mode'))
    const start = async () => {
      const directory = opened.use(await emptyDirectory())
      const env = { ...environmentOf(running), AUTH_DATA_DIR: directory.path, AUTH_MAILBOX: 'on' }
      return opened.use(new ServiceProcess(env, [], release.alterations))
    }
    const first = await start()
    await first.until(/the migration waits/)
    const second = await start()
    const [line] = await second.until(/^\{.*another process migrates.*\}$/m)
    assert.equal(JSON.parse(line).level, 'info')
    await backup.client.query('rollback')
    for (const service of [first, second]) await service.started()
    assert.ok(!second.output.includes('the migration waits'), second.output)
    assert.equal(await hasLater(running), true)
  })
})

for (const kind of DATABASES)
  describe(`a command of another release on ${kind}`, () => {
    const LIST = ['accounts', 'list', '--limit', '1']

    async function commandsOnDatabase() {
      await using opened = new AsyncDisposableStack()
      const database = kind === 'PostgreSQL' ? opened.use(await createTestDatabase()) : undefined
      const directory = opened.use(await emptyDirectory())
      if (!database) await fillDataDirectory(directory.path)
      const settings = {
        AUTH_DATA_DIR: directory.path,
        ...(database && { AUTH_DATABASE_URL: database.url, AUTH_MAILBOX: 'on', AUTH_SECRET_KEY: SECRET_KEY }),
      }
      const run = async (args: string[], alterations: Alteration[] = [], env: Record<string, string> = {}) => {
        await using command = new ServiceProcess({ ...settings, ...env }, args, alterations)
        const { code, stdout, stderr } = await command.ended()
        return `${code} ${stdout}${stderr}`
      }
      const parts = opened.move()
      return { run, isEmpty: database !== undefined, [Symbol.asyncDispose]: () => parts.disposeAsync() }
    }

    test('that its secret keys keep from starting changes no schema, so that the release before starts again', async () => {
      await using release = await laterRelease()
      await using database = await commandsOnDatabase()
      const { run } = database
      if (database.isEmpty) assert.match(await run(['migrate']), /^0 /)
      assert.match(await run(['keys', 'rotate']), /^0 /) // from now on the database is the key's
      const other = { AUTH_SECRET_KEY: `k1:${Buffer.alloc(32, 'other').toString('base64')}` }
      for (const args of [['migrate'], ['serve']])
        assert.match(await run(args, release.alterations, other), /^1 [\s\S]*another key of the same id/)
      assert.match(await run(LIST), /^0 /)
      assert.match(await run(['migrate'], release.alterations), /^0 Ran 9999_later\.sql\./)
    })

    test('changes no schema, and says what does', async () => {
      await using release = await laterRelease()
      await using database = await commandsOnDatabase()
      const { run } = database
      if (database.isEmpty) {
        assert.match(await run(LIST), /^1 [\s\S]*Found: +an empty one/)
        assert.match(await run(['migrate']), /^0 Ran 0001/)
      }
      const refused = await run(LIST, release.alterations)
      assert.match(refused, /^1 [\s\S]*Needed: .*9999_later[\s\S]*Found: .*\nDo: .*auth-service migrate/)
      assert.match(await run(LIST), /^0 /)
      assert.match(await run(['migrate'], release.alterations), /^0 Ran 9999_later\.sql\./)
      assert.match(await run(LIST, release.alterations), /^0 /)
      assert.match(await run(LIST), /^1 [\s\S]*Found: +a newer one.*9999_later[\s\S]*Do: .*newer version/)
    })
  })
