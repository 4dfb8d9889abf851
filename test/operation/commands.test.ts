import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import packageJson from '../../package.json' with { type: 'json' }
import { SETTINGS } from '../../src/setting-names.ts'
import { createTestDatabase } from '../support/database.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { confirmedAccount, exchange, SECRET_KEY, send, signIn, startTestService } from '../support/service.ts'
import { START_FLAGS } from '../support/start-flags.ts'

async function run(env: Record<string, string>, ...args: string[]): Promise<string> {
  await using service = new ServiceProcess(env, args)
  const { code, stdout, stderr } = await service.ended()
  assert.equal(code, 0, stderr)
  return stdout
}

describe('the command line', () => {
  test('--help lists every command and every setting', async () => {
    const help = await run({}, '--help')
    for (const word of [
      'serve',
      'migrate',
      'keys list',
      'keys rotate',
      'secrets status',
      '--version',
      ...Object.keys(SETTINGS),
    ])
      assert.ok(help.includes(word), word)
  })

  test('--version prints the version', async () => {
    assert.equal((await run({}, '--version')).trim(), packageJson.version)
  })

  test('a command is done although nobody reads what it prints', async () => {
    await using directory = await emptyDirectory()
    const main = join(import.meta.dirname, '../../src/main.ts')
    const command = spawn(process.execPath, [...START_FLAGS, main, 'accounts', 'list'], {
      env: { ...process.env, AUTH_DATA_DIR: directory.path },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    command.stdout.destroy() // as `head` does
    const complaints = command.stderr.setEncoding('utf8').toArray()
    const [code] = await once(command, 'exit')
    assert.deepEqual([code, await complaints], [0, []])
  })

  test('migrate is done although nobody reads what it logs', async () => {
    await using directory = await emptyDirectory()
    const env = { AUTH_DATA_DIR: directory.path, AUTH_LOG_LEVEL: 'debug' }
    await using migrating = new ServiceProcess(env, ['migrate'])
    migrating.child.stderr!.destroy()
    const { code, stdout } = await migrating.ended()
    assert.equal(code, 0)
    assert.match(stdout, /0001_initial/)
  })

  test('migrate brings the database up to date and ends', async () => {
    await using directory = await emptyDirectory()
    const env = { AUTH_DATA_DIR: directory.path }
    assert.match(await run(env, 'migrate'), /0001_initial/)
    assert.match(await run(env, 'migrate'), /up to date/)
  })

  test('with --json a command prints JSON alone, a line for each of several', async () => {
    await using directory = await emptyDirectory()
    const env = { AUTH_DATA_DIR: directory.path }
    assert.equal(JSON.parse(await run(env, 'migrate', '--json')).migrations[0], '0001_initial.sql')
    assert.equal(await run(env, 'keys', 'list', '--json'), '', 'it makes none')
    const lines = (await run(env, 'keys', 'rotate', '--json')).trim().split('\n')
    const keys = lines.map(line => JSON.parse(line))
    assert.deepEqual(keys.map(({ role }) => role).sort(), ['current', 'next', 'next'])
  })

  test('what a command logs is no part of its output', async () => {
    await using database = await createTestDatabase()
    await using away = await awayForOneConnection(database.url)
    const env = { AUTH_DATABASE_URL: away.url, AUTH_SECRET_KEY: SECRET_KEY }
    for (const args of [['migrate'], ['keys', 'list', '--json']]) {
      away.refuseNext()
      await using command = new ServiceProcess(env, args)
      const { code, stdout, stderr } = await command.ended()
      assert.equal(code, 0, stderr)
      assert.match(stderr, /"msg":"the database is not available yet/)
      assert.doesNotMatch(stdout, /"msg"/)
    }
  })

  test('five processes that migrate at once are fine', async () => {
    await using database = await createTestDatabase()
    const env = { AUTH_DATABASE_URL: database.url, AUTH_SECRET_KEY: SECRET_KEY }
    const outputs = await Promise.all(Array.from({ length: 5 }, () => run(env, 'migrate')))
    assert.equal(outputs.filter(output => output.includes('0001_initial')).length, 1)
  })

  test('a command binds an empty database to its secret key only when it seals with it', async () => {
    await using database = await createTestDatabase()
    const keyed = (id: string, content: string) => ({
      AUTH_DATABASE_URL: database.url,
      AUTH_SECRET_KEY: `${id}:${Buffer.alloc(32, content).toString('base64')}`,
      AUTH_MAILBOX: 'on',
    })
    const refused = async (env: Record<string, string>, ...args: string[]) => {
      await using command = new ServiceProcess(env, args)
      return (await command.ended()).stderr
    }
    await run(keyed('k1', 'throwaway'), 'migrate')
    await run(keyed('k1', 'throwaway'), 'keys', 'list')
    await run(keyed('k2', 'real'), 'keys', 'rotate')
    assert.match(await refused(keyed('k2', 'another'), 'keys', 'rotate'), /another key of the same id/)
    assert.match(
      await refused(keyed('k1', 'throwaway'), 'keys', 'rotate'),
      /"k2", which \d+ signing keys of this database still need/,
    )
    await using directory = await emptyDirectory()
    await using service = new ServiceProcess({ ...keyed('k2', 'real'), AUTH_DATA_DIR: directory.path })
    await service.started()
  })

  test('keys list changes nothing, keys rotate lets the next key sign, and a running service goes on, whatever algorithm the shell is set to', async () => {
    await using service = await startTestService('PostgreSQL')
    const env = { AUTH_DATABASE_URL: service.databaseUrl!, AUTH_SECRET_KEY: SECRET_KEY, AUTH_SIGNING_ALG: 'EdDSA' }
    const before = await run(env, 'keys', 'list')
    assert.match(before, /^\S+ +ES256 +next +.*waits for a rotation$/m)
    assert.match(before, /^\S+ +ES256 +current /m)
    assert.equal(before.trim().split('\n').length, 2)
    const after = await run(env, 'keys', 'rotate')
    assert.equal(after.trim().split('\n').length, 3)
    assert.doesNotMatch(after, /EdDSA/)
    const dropped = await run(env, 'keys', 'rotate', '--now')
    const current = /^(\S+) +ES256 +current /m.exec(before)![1]!
    assert.ok(!dropped.includes(current))
    const account = await confirmedAccount(service)
    const { body } = await exchange(service, await signIn(service, account))
    const { status } = await send(`${service.url}/v1/account`, {
      headers: { authorization: `Bearer ${body.access_token}` },
    })
    assert.equal(status, 200)
  })
})

/** A PostgreSQL server that refuses a connection when it is told to, and leads to the real one otherwise. */
async function awayForOneConnection(databaseUrl: string) {
  const url = new URL(databaseUrl)
  const { hostname, port } = url
  let isAway = false
  const server = createServer(client => {
    if (isAway) {
      isAway = false
      return void client.resetAndDestroy()
    }
    const real = connect(Number(port), hostname)
    for (const [one, other] of [
      [client, real],
      [real, client],
    ] as const)
      one.pipe(other).on('error', () => one.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: url.href,
    refuseNext: () => {
      isAway = true
    },
    [Symbol.asyncDispose]: async () => void (await once(server.close(), 'close')),
  }
}
