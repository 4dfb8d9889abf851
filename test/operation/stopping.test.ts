import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import pg from 'pg'
import { deleteOutlived } from '../../src/housekeeping.ts'
import { CuttingProxy } from '../faults/outages/cutting-proxy.ts'
import type { Alteration } from '../support/altered-source.ts'
import { createTestDatabase, DATABASES, openTestDatabase } from '../support/database.ts'
import { untilWaitingOrDone } from '../support/lock-waits.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { rawRequest } from '../support/raw-http.ts'
import { fillDataDirectory, newAddress, PASSWORD, SECRET_KEY, send } from '../support/service.ts'
import { openSmtpSink } from '../support/smtp-sink.ts'

async function filledDirectory() {
  const directory = await emptyDirectory()
  await fillDataDirectory(directory.path)
  return directory
}

async function untilClosed(url: string): Promise<void> {
  while (await send(`${url}/livez`).then(Boolean, () => false)) await pause(10)
}

describe('stopping', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    test(`${signal} finishes the requests under way and ends with exit code 0`, async () => {
      await using directory = await filledDirectory()
      await using service = new ServiceProcess({ AUTH_DATA_DIR: directory.path })
      const url = await service.started()
      const signUps = Array.from({ length: 12 }, () =>
        send(`${url}/v1/accounts`, { json: { email: newAddress(), password: PASSWORD } }),
      )
      await signUps[0]
      const [{ code }, ...answers] = await Promise.all([service.kill(signal), ...signUps.map(settled)])
      assert.equal(code, 0, service.output)
      for (const answer of answers) assert.ok(answer === 'not taken' || answer === 201, String(answer))
      assert.ok(answers.filter(answer => answer === 201).length >= 1)
      await using again = new ServiceProcess({ AUTH_DATA_DIR: directory.path })
      await again.started()
    })

  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    test(`${signal} to the process of npm start ends the service as well, and with exit code 0`, async () => {
      await using directory = await filledDirectory()
      await using service = new ServiceProcess({ AUTH_DATA_DIR: directory.path }, [], [], 'npm')
      const url = await service.started()
      const { code } = await service.kill(signal) // waits for the last process that has its output
      assert.equal(code, 0, service.output)
      assert.match(service.output, /"stopped"/)
      await assert.rejects(fetch(`${url}/livez`))
    })

  /** The status of an answer; a request that found the door closed was not taken. */
  const settled = (request: Promise<{ status: number }>) =>
    request.then(
      ({ status }) => status,
      () => 'not taken' as const,
    )

  test('a connection that is kept alive does not hold it up', async () => {
    await using directory = await filledDirectory()
    await using service = new ServiceProcess({ AUTH_DATA_DIR: directory.path })
    const url = await service.started()
    await send(`${url}/livez`) // fetch keeps the connection
    const { code } = await service.kill('SIGTERM')
    assert.equal(code, 0, service.output)
  })

  // The interim response tells that the headers have arrived.
  const told = { connection: 'keep-alive', expect: '100-continue' }
  const half = { 'content-type': 'application/json', 'content-length': '100', ...told }
  const SLOW_CLIENTS = {
    'sends nothing': '',
    'has sent half of its headers': 'GET /livez HTTP/1.1\r\nhost: local',
    'has sent half of a body': `${rawRequest('POST', '/v1/sessions', half)}{"email":`,
    'waits for what hangs': rawRequest('GET', '/readyz', told),
  }
  const HANGS = {
    file: 'operation/health.ts',
    find: 'const status = await readiness.status()',
    replace: 'const status = await new Promise<never>(() => {})',
  }

  /** A connection of a client that reads nothing, whose bytes have arrived. */
  async function slowClient(url: string, bytes: string): Promise<Socket> {
    const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1' }).pause()
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write(bytes)
    if (bytes.includes('\r\n\r\n')) await once(socket, 'readable')
    else await send(`${url}/livez`) // accepted after it
    return socket
  }

  for (const [what, bytes] of Object.entries(SLOW_CLIENTS))
    test(`a client that ${what} does not hold it up`, async () => {
      await using directory = await filledDirectory()
      const env = { AUTH_DATA_DIR: directory.path, AUTH_HOST: '127.0.0.1' }
      await using service = new ServiceProcess(env, [], [HANGS])
      const client = await slowClient(await service.started(), bytes)
      const { code } = await service.kill('SIGTERM')
      client.destroy()
      assert.equal(code, 0, service.output)
      assert.ok(!service.output.includes('"level":"error"'), service.output)
    })

  /** A service on PostgreSQL, and what its queue holds when it has ended. */
  async function serviceOnPostgres(smtpPort: number, env: Record<string, string>, alterations: Alteration[] = []) {
    await using opened = new AsyncDisposableStack()
    const { url: databaseUrl } = opened.use(await createTestDatabase())
    const database = new pg.Client({ connectionString: databaseUrl })
    await database.connect()
    opened.defer(() => database.end())
    const service = opened.use(
      new ServiceProcess(
        {
          AUTH_DATA_DIR: opened.use(await emptyDirectory()).path,
          AUTH_DATABASE_URL: databaseUrl,
          AUTH_SECRET_KEY: SECRET_KEY,
          AUTH_SMTP_URL: `smtp://127.0.0.1:${smtpPort}`,
          AUTH_HOST: '127.0.0.1',
          AUTH_RATE_LIMITS: 'off',
          ...env,
        },
        [],
        alterations,
      ),
    )
    const url = await service.started()
    const jobs = async (): Promise<Record<string, number>> => {
      const { rows } = await database.query('select state, count(*)::int from pgboss.job group by 1')
      return Object.fromEntries(rows.map(({ state, count }) => [state, count]))
    }
    const parts = opened.move()
    return { service, url, databaseUrl, database, jobs, [Symbol.asyncDispose]: () => parts.disposeAsync() }
  }

  test('messages in hand are finished and no more are taken while a request hangs', async () => {
    const taken = Promise.withResolvers<void>()
    await using sink = await openSmtpSink({ untilTaken: () => taken.promise })
    await using stopped = await serviceOnPostgres(sink.port, { AUTH_SMTP_CONNECTIONS: '2' }, [HANGS])
    const { service, url, jobs } = stopped
    for (let count = 0; count < 20; count++)
      await send(`${url}/v1/accounts`, { json: { email: newAddress(), password: PASSWORD } })
    while (!sink.lines.includes('DATA')) await pause(10)
    const client = await slowClient(url, SLOW_CLIENTS['waits for what hangs'])
    service.child.kill('SIGTERM')
    await untilClosed(url)
    taken.resolve()
    const { code } = await service.ended()
    client.destroy()
    assert.equal(code, 0, service.output)
    const sent = sink.letters.length
    assert.ok(sent < 20, `${sent} were sent`)
    assert.deepEqual(await jobs(), { completed: sent, created: 20 - sent })
  })

  test('a whole request that waits is answered, and sends its message, when connections without one have been closed', async () => {
    await using sink = await openSmtpSink()
    const patient = { file: 'storage/postgres.ts', find: 'request: 2_500,', replace: 'request: 20_000,' }
    await using stopped = await serviceOnPostgres(sink.port, {}, [patient])
    const { service, url, databaseUrl, database, jobs } = stopped
    const client = await slowClient(url, SLOW_CLIENTS['sends nothing'])
    await database.query('begin')
    await database.query('lock table account in share mode')
    const signUp = send(`${url}/v1/accounts`, { json: { email: newAddress(), password: PASSWORD } })
    await untilWaitingOrDone(databaseUrl, signUp)
    service.child.kill('SIGTERM')
    client.resume()
    await once(client, 'close')
    await database.query('rollback')
    const { status } = await signUp
    const { code } = await service.ended()
    assert.deepEqual([status, code], [201, 0], service.output)
    assert.deepEqual(await jobs(), { created: 1 })
  })

  test('a second signal ends at once, and the letter in hand comes after the next start', async () => {
    await using directory = await filledDirectory()
    await using sink = await openSmtpSink({ replies: { MAIL: 'silence' } })
    const env = { AUTH_DATA_DIR: directory.path, AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}` }
    await using service = new ServiceProcess(env)
    const url = await service.started()
    const email = newAddress()
    await send(`${url}/v1/accounts`, { json: { email, password: PASSWORD } })
    while (!sink.lines.some(line => line.startsWith('MAIL'))) await pause(10)
    service.child.kill('SIGTERM')
    await service.until(/stopping/)
    await pause(600) // what comes within half a second counts as the same signal: Ctrl-C under npm comes twice
    const { code } = await service.kill('SIGTERM')
    assert.equal(code, 1)
    assert.match(service.output, /ended at once/)
    delete sink.replies.MAIL
    await using again = new ServiceProcess(env)
    await again.started()
    while (!sink.letters.some(({ to }) => to.includes(email))) await pause(10)
  })

  test('a mail server that says nothing does not hold it up for long: the stop is bounded, and still a clean one', async () => {
    await using directory = await filledDirectory()
    await using sink = await openSmtpSink({ replies: { MAIL: 'silence' } })
    await using service = new ServiceProcess({
      AUTH_DATA_DIR: directory.path,
      AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
    })
    const url = await service.started()
    await send(`${url}/v1/accounts`, { json: { email: newAddress(), password: PASSWORD } })
    while (!sink.lines.some(line => line.startsWith('MAIL'))) await pause(10)
    const { code } = await service.kill('SIGTERM')
    assert.equal(code, 0, service.output)
    assert.ok(!service.output.includes('cut short'))
  })

  test('a database that has fallen silent while a letter is in hand does not hold it up for long', async () => {
    await using database = await createTestDatabase()
    await using directory = await emptyDirectory()
    await using sink = await openSmtpSink({ replies: { MAIL: 'silence' } })
    await using proxy = await CuttingProxy.inFrontOf(database.url)
    await using service = new ServiceProcess({
      AUTH_DATA_DIR: directory.path,
      AUTH_DATABASE_URL: proxy.urlOf(database.url),
      AUTH_SECRET_KEY: SECRET_KEY,
      AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
    })
    const url = await service.started()
    await send(`${url}/v1/accounts`, { json: { email: newAddress(), password: PASSWORD } })
    while (!sink.lines.some(line => line.startsWith('MAIL'))) await pause(10)
    proxy.fallSilent()
    await service.until(/the database does not answer/)
    const { code } = await service.kill('SIGTERM')
    assert.equal(code, 0, service.output)
    assert.ok(!service.output.includes('cut short'))
  })

  test('a signal that comes twice within a moment is one', async () => {
    await using directory = await filledDirectory()
    await using service = new ServiceProcess({ AUTH_DATA_DIR: directory.path })
    await service.started()
    service.child.kill('SIGINT')
    service.child.kill('SIGINT')
    const { code } = await service.ended()
    assert.equal(code, 0, service.output)
  })

  test('an embedded database that fails for good ends the process with exit code 1, so that it is started anew', async () => {
    await using directory = await filledDirectory()
    await using service = new ServiceProcess({ AUTH_DATA_DIR: directory.path, AUTH_RATE_LIMITS: 'off' })
    const url = await service.started()
    await rm(join(directory.path, 'database', 'pg_wal'), { recursive: true })
    const json = () => ({ email: newAddress(), password: PASSWORD })
    while (service.child.exitCode === null) {
      const status = await settled(send(`${url}/v1/accounts`, { json: json() }))
      assert.ok([201, 503, 'not taken'].includes(status), String(status))
    }
    const { code, stdout } = await service.ended()
    assert.equal(code, 1)
    assert.match(stdout, /a failure that only a new start can mend/)
  })
})

const insertOutlived = (count: number) => `
  insert into account (id, email, locale, password_phc, password_pepper, password_version, created_at)
  select gen_random_uuid(), 'outlived' || i || '@example.com', 'en', '', '', 1, now() - interval '8 days'
  from generate_series(1, ${count}) i`

describe('stopping while housekeeping deletes what is outlived', () => {
  for (const kind of DATABASES)
    test(`it deletes no more than it has begun with, on ${kind}`, async () => {
      await using opened = await openTestDatabase(kind)
      const { database } = opened
      await sql.raw(insertOutlived(2_500)).execute(database)
      const stopping = new AbortController()
      const deleting = deleteOutlived({ database, auditRetention: 90 * 86_400 }, stopping.signal)
      stopping.abort()
      await deleting
      const { rows } = await sql<{ left: number }>`select count(*)::int as left from account`.execute(database)
      assert.equal(rows[0]!.left, 1_500)
    })

  const SOONER = {
    file: 'housekeeping.ts',
    find: '10 * MINUTE, () => deleteOutlived',
    replace: '500, () => deleteOutlived',
  }
  const ONE_BY_ONE = { file: 'storage/database.ts', find: 'DELETED_AT_ONCE = 1_000', replace: 'DELETED_AT_ONCE = 1' }

  /** A service whose housekeeping waits for a lock on all that is outlived. */
  async function serviceThatDeletes(count: number, smtpPort: number) {
    await using opened = new AsyncDisposableStack()
    const { url: databaseUrl } = opened.use(await createTestDatabase())
    const env = {
      AUTH_DATA_DIR: opened.use(await emptyDirectory()).path,
      AUTH_DATABASE_URL: databaseUrl,
      AUTH_SECRET_KEY: SECRET_KEY,
      AUTH_SMTP_URL: `smtp://127.0.0.1:${smtpPort}`,
    }
    const migrating = await new ServiceProcess(env, ['migrate']).ended()
    assert.equal(migrating.code, 0, migrating.stderr)
    const holder = new pg.Client({ connectionString: databaseUrl })
    await holder.connect()
    opened.defer(() => holder.end())
    await holder.query(insertOutlived(count))
    await holder.query('begin')
    await holder.query('select from account for update')
    const service = opened.use(new ServiceProcess(env, [], [SOONER, ONE_BY_ONE]))
    const url = await service.started()
    await untilWaitingOrDone(databaseUrl, service.ended())
    const parts = opened.move()
    return { service, url, holder, [Symbol.asyncDispose]: () => parts.disposeAsync() }
  }

  test('messages in hand are finished meanwhile, and a statement that waits for a lock is given up', async () => {
    const taken = Promise.withResolvers<void>()
    await using sink = await openSmtpSink({ untilTaken: () => taken.promise })
    await using deleting = await serviceThatDeletes(1, sink.port)
    const { service, url, holder } = deleting
    await send(`${url}/v1/accounts`, { json: { email: newAddress(), password: PASSWORD } })
    while (!sink.lines.includes('DATA')) await pause(10)
    service.child.kill('SIGTERM')
    await untilClosed(url)
    taken.resolve()
    const { code } = await service.ended()
    assert.equal(code, 0, service.output)
    const { rows } = await holder.query(
      "select state, count(*)::int from pgboss.job where state <> 'completed' group by 1",
    )
    assert.deepEqual(rows, [])
    assert.equal(sink.letters.length, 1)
  })

  test('no further batch is begun', async () => {
    await using sink = await openSmtpSink()
    await using deleting = await serviceThatDeletes(5_000, sink.port)
    const { service, url, holder } = deleting
    service.child.kill('SIGTERM')
    await untilClosed(url)
    await holder.query('rollback')
    const { code } = await service.ended()
    assert.equal(code, 0, service.output)
    const { rows } = await holder.query('select count(*)::int as left from account')
    assert.ok(rows[0].left > 0)
  })
})
