import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { sql } from 'kysely'
import { readConfig } from '../../src/config.ts'
import { secretKeyOf } from '../../src/secrets/secret-key-file.ts'
import { startUnlimitedService } from '../support/genuine-secrets.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { fillDataDirectory, newAddress, PASSWORD, send } from '../support/service.ts'
import { operations } from './input/malformed-requests.ts'

const secret = (bytes: number, encoding: 'base64' | 'hex' = 'base64') => randomBytes(bytes).toString(encoding)

describe('a secret key', () => {
  const bad = [
    'k1:',
    'k1',
    secret(32),
    `:${secret(32)}`,
    `k1:${secret(31)}`,
    `k1:${secret(33)}`,
    `k1:${secret(16)}`,
    `k1:${secret(32, 'hex')}`,
    'k1:secret',
    'k1:changeme',
    `k-1:${secret(32)}`,
    `k1:${secret(32)},k1:${secret(32)}`,
    `k1:${secret(32)},`,
    `${'k'.repeat(17)}:${secret(32)}`,
    `k1:${'ä'.repeat(22)}`,
  ]
  for (const key of bad)
    test(`[R62] like ${JSON.stringify(key.slice(0, 12))}… of ${key.length} characters is refused, and not repeated`, () =>
      assert.throws(
        () => readConfig({ AUTH_SECRET_KEY: key }),
        (error: Error) => /AUTH_SECRET_KEY/.test(error.message) && !(key.length > 8 && error.message.includes(key)),
      ))

  test('[R62] CVE-2026-33505 (Ory Keto): has no default, and each install makes its own', async () => {
    assert.equal(readConfig({}).secretKey, undefined)
    assert.throws(() => readConfig({ AUTH_DATABASE_URL: 'postgresql://localhost/x' }), /AUTH_SECRET_KEY/)
    await using one = await emptyDirectory()
    await using other = await emptyDirectory()
    const made = [one, other].map(({ path }) =>
      secretKeyOf(path, { isNew: true }).for('check').current.key.export().toString('hex'),
    )
    assert.notEqual(made[0], made[1])
  })
})

describe('a fresh install', () => {
  test('[R62] signs with keys of its own, which lie sealed in the database', async () => {
    await using one = await startUnlimitedService('PostgreSQL')
    await using other = await startUnlimitedService('PostgreSQL')
    const kids = async ({ url }: { url: string }) =>
      (await send(`${url}/.well-known/jwks.json`)).body.keys.map(({ kid }: { kid: string }) => kid)
    assert.equal(new Set([...(await kids(one)), ...(await kids(other))]).size, 4)
    const { rows } = await sql<{
      key: string
    }>`select encode(sealed_private_key, 'hex') as key from signing_key`.execute(one.service.database)
    for (const { key } of rows) assert.ok(!key.includes('06072a8648ce3d0201'), 'the id of an EC key of PKCS #8')
  })

  test('[R81] CVE-2026-123800 (SuperTokens): knows nobody, and no default password', async () => {
    await using service = await startUnlimitedService('PostgreSQL')
    const { rows } = await sql<{ count: number }>`select (select count(*) from account)::int +
      (select count(*) from session)::int as count`.execute(service.service.database)
    assert.deepEqual(rows, [{ count: 0 }])
    for (const name of ['admin', 'root', 'administrator', 'test', 'demo', 'user', 'auth', 'no-reply'])
      for (const password of [name, 'password', 'admin', 'changeme', '']) {
        const json = { email: `${name}@localhost.example`, password }
        assert.equal((await send(`${service.url}/v1/sessions`, { json })).status, 401)
      }
    for (const token of ['admin', 'changeme', 'default', 'test']) {
      const headers = { authorization: `Bearer ${token}` }
      assert.equal((await send(`${service.url}/v1/account`, { headers })).status, 401)
    }
  })

  test('[R80] serves metrics on a port of their own, and nothing there or here that is for debugging', async () => {
    await using service = await startUnlimitedService('PGlite', { env: { AUTH_METRICS_LISTEN: '127.0.0.1:0' } })
    const { metricsUrl } = service.service
    assert.equal((await send(metricsUrl!)).status, 200)
    const hidden = [
      '/metrics',
      '/debug',
      '/debug/pprof',
      '/admin',
      '/admin/',
      '/_admin',
      '/env',
      '/.env',
      '/.git/config',
      '/config',
      '/status',
      '/server-status',
      '/actuator',
      '/actuator/env',
      '/trace',
      '/console',
      '/graphql',
      '/graphiql',
      '/swagger',
      '/package.json',
      '/src/main.ts',
      '/node_modules',
      '/schema.sql',
      '/data/secret-key',
      '/secret-key',
      '/documentation/json',
      '/metrics?x',
      '/v1/metrics',
      '/v1/admin',
      '/health',
      '/info',
      '/json/list',
    ]
    for (const path of hidden) assert.equal((await send(service.url + path)).status, 404, path)
    const origin = new URL(metricsUrl!).origin
    const { described, pages } = operations()
    for (const path of [...hidden.slice(1), ...[...described, ...pages].map(each => each.path)])
      if (path !== '/metrics' && path !== '/readyz') assert.equal((await send(origin + path)).status, 404, path)
    for (const method of ['POST', 'PUT', 'DELETE']) assert.equal((await send(metricsUrl!, { method })).status, 404)
  })
})

describe('an error that nobody has foreseen', () => {
  const THROWN = 'thrown-by-the-test'
  const throwInRoutes = {
    file: 'http/server.ts',
    find: `server.addHook('onRequest', (request, reply, done) => {
    reply.headers(headersFor(request.id))`,
    replace: `server.addHook('preHandler', async request => {
      if (request.headers['x-throw']) throw new Error('${THROWN}')
    })
    server.addHook('onRequest', (request, reply, done) => {
      if (request.headers['x-throw-later']) setTimeout(() => { throw new Error('${THROWN}') })
      if (request.headers['x-reject-later']) void Promise.reject(new Error('${THROWN}'))
      reply.headers(headersFor(request.id))`,
  }

  async function start() {
    await using opened = new AsyncDisposableStack()
    const directory = opened.use(await emptyDirectory())
    await fillDataDirectory(directory.path)
    const service = opened.use(
      new ServiceProcess({ AUTH_DATA_DIR: directory.path, AUTH_RATE_LIMITS: 'off' }, [], [throwInRoutes]),
    )
    const url = await service.started()
    const parts = opened.move()
    return { service, url, [Symbol.asyncDispose]: () => parts.disposeAsync() }
  }

  test('[R85] [R72] in any route is answered with 500 and an id, without internals, and logged under that id', async () => {
    await using started = await start()
    const { service, url } = started
    const { described, pages } = operations()
    const thrown = { 'x-throw': '1', host: new URL(url).host, origin: url }
    const fields = { email: newAddress(), password: PASSWORD, token: 'x', ticket: 'x' }
    const bodies: Record<string, object> = {
      '/v1/confirmations': { token: 'x', ticket: 'x' },
      '/v1/confirmation-letters': { email: fields.email },
      '/v1/device-tokens': { token: 'x' },
    }
    for (const { method, path, type } of [...described, ...pages]) {
      const body =
        method === 'GET'
          ? {}
          : type === 'application/json'
            ? { json: bodies[path] ?? { email: fields.email, password: PASSWORD } }
            : { form: fields }
      const { status, headers, text } = await send(url + path, { method, ...body, headers: thrown })
      assert.equal(status, 500, `${method} ${path}: ${text}`)
      assert.ok(!text.includes(THROWN) && !text.includes('src/'), text)
      const id = headers.get('x-request-id')!
      await service.until(new RegExp(`"request":"${id}".*${THROWN}`))
    }
    assert.equal((await send(`${url}/livez`)).status, 200, 'it goes on')
  })

  for (const header of ['x-throw-later', 'x-reject-later'])
    test(`[R85] outside of any request (${header}) is logged and ends the process, so that it is started anew`, async () => {
      await using started = await start()
      const { service, url } = started
      await send(`${url}/livez`, { headers: { [header]: '1' } }).catch(() => {})
      const { code, stdout } = await service.ended()
      assert.equal(code, 1)
      assert.match(stdout, new RegExp(`"level":"fatal".*${THROWN}`))
    })
})
