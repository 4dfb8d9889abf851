import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { holdsWithin } from '../faults/outages/waiting.ts'
import { seedSessions } from '../measuring/seeded-sessions.ts'
import { readiness } from '../support/metrics.ts'
import { createDatabase, type PostgresServer, startPostgres } from '../support/postgres.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { exchange, newAddress, PASSWORD, SECRET_KEY, send } from '../support/service.ts'
import { letterIn } from '../support/sink-letters.ts'
import { openSmtpSink, type SmtpSink } from '../support/smtp-sink.ts'

const SESSIONS = 8

describe('when the database accepts no writes after a failover', () => {
  const opened = new AsyncDisposableStack()
  let postgres: PostgresServer
  let databaseUrl: string
  let sink: SmtpSink
  let url: string
  let metricsUrl: string
  let tokens: string[]
  before(async () => {
    postgres = opened.use(await startPostgres())
    databaseUrl = (await createDatabase(postgres.url)).url // goes with the server
    const directory = opened.use(await emptyDirectory())
    sink = opened.use(await openSmtpSink())
    const service = opened.use(
      new ServiceProcess({
        AUTH_DATA_DIR: directory.path,
        AUTH_DATABASE_URL: databaseUrl,
        AUTH_SECRET_KEY: SECRET_KEY,
        AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
        AUTH_RATE_LIMITS: 'off',
        AUTH_METRICS_LISTEN: '127.0.0.1:0',
      }),
    )
    url = await service.started()
    metricsUrl = (await service.until(/Metrics +(\S+)/))[1]!
    tokens = await seedSessions({ databaseUrl }, SESSIONS)
  })
  after(() => opened.disposeAsync())

  async function administer(...statements: string[]) {
    const client = new pg.Client({ connectionString: postgres.url })
    await client.connect()
    for (const statement of statements) await client.query(statement)
    await client.end()
  }

  async function refreshAll(): Promise<number[]> {
    return Promise.all(
      tokens.map(async (token, index) => {
        const { status, body } = await exchange({ url }, token)
        if (status === 200) tokens[index] = body.refresh_token
        else assert.deepEqual([status, body.error], [503, 'temporarily_unavailable'])
        return status
      }),
    )
  }
  const allRefreshed = async () => (await refreshAll()).every(status => status === 200)

  async function worksAgain() {
    assert.ok(await holdsWithin(10, allRefreshed), 'refreshes go on')
    assert.ok(await holdsWithin(10, async () => (await send(`${url}/readyz`)).status === 200), 'it is ready')
    const email = newAddress()
    const signUp = async () =>
      (await send(`${url}/v1/accounts`, { json: { email, password: PASSWORD } })).status === 201
    assert.ok(await holdsWithin(10, signUp), 'people sign up')
    await letterIn(sink, email, 30)
  }

  test('connections that lead to a read-only server are left, so that the next ones lead to the new primary', async () => {
    await worksAgain()
    // Sessions that there are become read-only; those that are made from now on are not.
    const name = new URL(databaseUrl).pathname.slice(1)
    await administer(
      'alter system set default_transaction_read_only = on',
      `alter database ${name} set default_transaction_read_only = off`,
      'select pg_reload_conf()',
    )
    await worksAgain()
    await administer('alter system reset default_transaction_read_only', 'select pg_reload_conf()')
  })

  test('a hot standby is not ready and answers 503, says since when, and serves once it is promoted', async () => {
    await postgres.restart('fast', { as: 'standby' })
    const allFailed = async () => {
      const { body } = await send(`${url}/readyz`) // a good result is shared for a second
      return body.status === 'failed' && body.database === 'failed' && body.queue === 'failed'
    }
    assert.ok(await holdsWithin(10, allFailed), 'it is not ready')
    assert.ok((await refreshAll()).every(status => status === 503))
    assert.equal((await send(`${url}/readyz`)).status, 503)
    const { dependencies } = await readiness(metricsUrl)
    for (const name of ['database', 'queue'] as const) {
      const { state, checked_seconds_ago, ok_seconds_ago } = dependencies[name]
      assert.equal(state, 'failed')
      assert.ok(
        ok_seconds_ago! >= checked_seconds_ago!,
        `good ${ok_seconds_ago} s ago, checked ${checked_seconds_ago} s ago`,
      )
    }
    await administer('select pg_promote()')
    await worksAgain()
  })
})
