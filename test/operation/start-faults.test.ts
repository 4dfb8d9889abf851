import assert from 'node:assert/strict'
import { access, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { sql } from 'kysely'
import { pino } from 'pino'
import { migrate } from '../../src/storage/migrate.ts'
import { postgresDatabase } from '../../src/storage/postgres.ts'
import { createTestDatabase } from '../support/database.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { fillDataDirectory, SECRET_KEY } from '../support/service.ts'

const OTHER_KEY = `k1:${Buffer.alloc(32, 'other').toString('base64')}`

/** Each fault ends the start with one message: what was needed, what was found, what to do; no stack, no secret. */
async function assertRefused(env: Record<string, string>, patterns: RegExp[], args: string[] = [], exitCode = 1) {
  await using service = new ServiceProcess(env, args)
  const { code, stderr, stdout } = await service.ended()
  assert.equal(code, exitCode, stderr + stdout)
  for (const pattern of [/Needed: +\S/, /Found: +\S/, /Do: +\S/, ...patterns]) assert.match(stderr, pattern)
  assert.ok(!/^ +at /m.test(stderr), `a stack trace:\n${stderr}`)
}

describe('the start is refused with one clear message', { concurrency: 2 }, () => {
  test('when several settings are wrong, about all of them [R56]', async () => {
    await using directory = await emptyDirectory()
    await assertRefused(
      {
        AUTH_DATA_DIR: directory.path,
        AUTH_PORT: '80000',
        AUTH_SMPT_URL: 'smtp://x',
        AUTH_ACCESS_TOKEN_TTL: 'soon',
        AUTH_SECRET_KEY: 'k1:c2hvcnQ=',
        AUTH_SIGNING_ALG: 'HS256',
      },
      [/5 faults/, /AUTH_PORT/, /did you mean AUTH_SMTP_URL/, /AUTH_ACCESS_TOKEN_TTL/, /32 bytes/, /5 bytes/, /ES256/],
    )
  })

  test('when a secret is wrong, without showing it [R83]', async () => {
    await using service = new ServiceProcess({
      AUTH_SECRET_KEY: 'k1:hunter2',
      AUTH_DATABASE_URL: 'mysql://root:hunter2@db',
      AUTH_SMTP_URL: 'ftp://root:hunter2@mail',
    })
    const { code, stderr, stdout } = await service.ended()
    assert.equal(code, 1)
    assert.ok(!(stderr + stdout).includes('hunter2'), stderr)
  })

  test('when it would be reachable without https', () =>
    assertRefused({ AUTH_HOST: '0.0.0.0', AUTH_SMTP_URL: 'smtps://mail.example' }, [/AUTH_PUBLIC_URL/, /https/]))

  test('when everybody could read the embedded mailbox', () =>
    assertRefused({ AUTH_PUBLIC_URL: 'https://auth.example' }, [/AUTH_SMTP_URL/, /AUTH_MAILBOX=on/]))

  test('when PostgreSQL is set without a secret key [R62, R81]', () =>
    assertRefused({ AUTH_DATABASE_URL: 'postgresql://localhost/x' }, [/AUTH_SECRET_KEY/, /openssl rand/]))

  test('when a module runs alone on the embedded database', () =>
    assertRefused({ AUTH_MODULES: 'accounts' }, [/AUTH_MODULES/, /AUTH_DATABASE_URL/]))

  test('when the port is taken', async () => {
    await using directory = await emptyDirectory()
    await fillDataDirectory(directory.path)
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise(resolve => other.once('listening', resolve))
    const { port } = other.address() as AddressInfo
    await assertRefused({ AUTH_DATA_DIR: directory.path, AUTH_HOST: '127.0.0.1', AUTH_PORT: String(port) }, [
      new RegExp(`127.0.0.1:${port}`),
      /another process/,
      /AUTH_PORT/,
    ])
    await new Promise(resolve => other.close(resolve))
  })

  test('when the data directory cannot be made', async () => {
    await using directory = await emptyDirectory()
    await writeFile(join(directory.path, 'file'), '')
    await assertRefused({ AUTH_DATA_DIR: join(directory.path, 'file', 'data') }, [/AUTH_DATA_DIR/])
  })

  test('when another process has the data directory', async () => {
    await using directory = await emptyDirectory()
    await fillDataDirectory(directory.path)
    await using first = new ServiceProcess({ AUTH_DATA_DIR: directory.path })
    await first.started()
    await assertRefused({ AUTH_DATA_DIR: directory.path }, [new RegExp(String(first.child.pid)), /AUTH_DATA_DIR/])
    await first.kill()
    await using second = new ServiceProcess({ AUTH_DATA_DIR: directory.path })
    await second.started()
  })

  test('when the database cannot be reached, without showing its password', async () => {
    await using service = new ServiceProcess({
      AUTH_DATABASE_URL: 'postgresql://ann:hunter2@127.0.0.1:1/auth',
      AUTH_SECRET_KEY: SECRET_KEY,
    })
    const { code, stderr } = await service.ended()
    assert.equal(code, 1)
    assert.match(stderr, /Needed: +PostgreSQL 15 or newer at 127\.0\.0\.1:1\/auth/)
    assert.match(stderr, /ECONNREFUSED/)
    assert.ok(!stderr.includes('hunter2'))
  })

  test('when the database is newer than the program', async () => {
    await using created = await createTestDatabase()
    const database = postgresDatabase(created.url, pino({ level: 'silent' }))
    await migrate(database)
    await sql`insert into migration (number, name, checksum) values (9999, '9999_later.sql', 'x')`.execute(database)
    await database.destroy()
    await assertRefused({ AUTH_DATABASE_URL: created.url, AUTH_SECRET_KEY: SECRET_KEY }, [/newer/, /9999_later/])
  })

  test('when a migration was edited after it ran', async () => {
    await using created = await createTestDatabase()
    const database = postgresDatabase(created.url, pino({ level: 'silent' }))
    await migrate(database)
    await sql`update migration set checksum = 'x'`.execute(database)
    await database.destroy()
    await assertRefused({ AUTH_DATABASE_URL: created.url, AUTH_SECRET_KEY: SECRET_KEY }, [/0001_initial/])
  })

  test('when the secret key is another one, or one that is needed is gone [R62]', async () => {
    await using created = await createTestDatabase()
    const env = { AUTH_DATABASE_URL: created.url, AUTH_MAILBOX: 'on', AUTH_SECRET_KEY: SECRET_KEY }
    await using directory = await emptyDirectory()
    await using first = new ServiceProcess({ ...env, AUTH_DATA_DIR: directory.path })
    await first.started()
    await first.kill('SIGTERM')
    await assertRefused({ ...env, AUTH_SECRET_KEY: OTHER_KEY }, [/secret key "k1"/, /another key of the same id/])
    await assertRefused({ ...env, AUTH_SECRET_KEY: OTHER_KEY.replace('k1', 'k2') }, [
      /"k2", which this database has never seen, where "k1" was used/,
    ])
  })

  test('when the secret key of a data directory is gone, and no other is made in its place [R62]', async () => {
    await using directory = await emptyDirectory()
    await fillDataDirectory(directory.path)
    const file = join(directory.path, 'secret-key')
    await rm(file)
    await assertRefused({ AUTH_DATA_DIR: directory.path }, [/secret-key/, /backup/])
    await assert.rejects(access(file))
    await writeFile(file, 'garbled')
    await assertRefused({ AUTH_DATA_DIR: directory.path }, [/secret-key/, /backup/])
  })

  test('when a command or an option is unknown', async () => {
    const wrongUsage = (args: string[], ...patterns: RegExp[]) => assertRefused({}, patterns, args, 2)
    await wrongUsage(['start'], /"start"/, /serve, migrate, keys list, keys rotate/)
    await wrongUsage(['keys', 'rotat'], /"rotat"/, /did you mean rotate/)
    await wrongUsage(['keys'], /keys list, keys rotate/)
    await wrongUsage(['--port', '80'], /--port/)
    await wrongUsage(['migrate', '--now'], /--now/)
    await wrongUsage(['migrate', '--jsno'], /--jsno/, /did you mean --json/)
  })

  test('as one JSON object on one line where --json is given', async () => {
    await using service = new ServiceProcess({ AUTH_PORT: 'none' }, ['migrate', '--json'])
    const { code, stderr, stdout } = await service.ended()
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(JSON.parse(stderr).error.message, /AUTH_PORT/)
    await using unknown = new ServiceProcess({}, ['keys', 'list', '--json', 'more'])
    const { error } = JSON.parse((await unknown.ended()).stderr)
    assert.deepEqual(
      [error.code, Object.keys(error)],
      ['wrong_usage', ['code', 'message', 'needed', 'found', 'remedy']],
    )
  })
})
