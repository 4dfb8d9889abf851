import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import pg from 'pg'
import { pino } from 'pino'
import { BoundedClient } from '../../src/storage/bounded-client.ts'
import type { Database } from '../../src/storage/database.ts'
import { postgresConnections, postgresDatabase } from '../../src/storage/postgres.ts'
import { isUnavailable } from '../../src/storage/unavailable.ts'
import { createTestDatabase } from '../support/database.ts'

const LONGEST_QUERY = 300 // milliseconds

describe('a connection to PostgreSQL', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>
  let pool: pg.Pool
  before(async () => {
    database = await createTestDatabase()
    // The server's own limit would be earlier; here it is to be as silent as one that is lost.
    const options = { ...postgresConnections(database.url, LONGEST_QUERY), session_statement_timeout: 0 }
    pool = new pg.Pool({ ...options, max: 1 })
  })
  after(async () => {
    await pool.end()
    await database.drop()
  })

  const sessionOf = async (client: pg.PoolClient): Promise<number> =>
    (await client.query('select pg_backend_pid() as pid')).rows[0].pid

  test('is destroyed by a query that takes too long, so that its late result reaches no other query', async () => {
    const client = await pool.connect()
    const session = await sessionOf(client)
    await assert.rejects(client.query(`select pg_sleep(1), 'late' as word`), isUnavailable)
    await assert.rejects(client.query(`select 'next' as word`), isUnavailable)
    client.release() // as Kysely does, which knows nothing of the connection
    const other = await pool.connect()
    assert.notEqual(await sessionOf(other), session)
    assert.equal((await other.query(`select 'next' as word`)).rows[0].word, 'next')
    other.release()
  })

  test('has a limit for each query, not for all together', async () => {
    const client = await pool.connect()
    for (let query = 0; query < 4; query++) await client.query('select pg_sleep(0.1)')
    client.release()
  })

  test('is not given up while nothing is asked', async () => {
    const client = await pool.connect()
    const session = await sessionOf(client)
    await new Promise(resolve => setTimeout(resolve, LONGEST_QUERY * 2))
    assert.equal(await sessionOf(client), session)
    client.release()
  })

  test('lets the server end a statement before the client gives up', async () => {
    const client = new BoundedClient(postgresConnections(database.url, 1_000))
    await new Promise<void>((resolve, reject) =>
      client.connect((error: unknown) => (error ? reject(error) : resolve())),
    )
    await assert.rejects(client.query('select pg_sleep(5)'), { code: '57014' })
    assert.equal((await client.query('select 1 as one')).rows[0].one, 1)
    await client.end()
  })

  // What the operating system says when there is no route to the host.
  test('that cannot be made for whatever the network says is one to try again', async () => {
    const url = new URL(database.url)
    url.hostname = '255.255.255.255'
    await using unreachable = databaseAt(url)
    await assert.rejects(sql`select`.execute(unreachable.database), error => {
      assert.match((error as Error).message, /ENETUNREACH|EACCES|EHOSTUNREACH/)
      return isUnavailable(error)
    })
  })

  test('that the server refuses to the user, or for its database, is not', async () => {
    for (const part of ['username', 'pathname'] as const) {
      const url = new URL(database.url)
      url[part] = 'nobody_of_this_name'
      await using refused = databaseAt(url)
      await assert.rejects(sql`select`.execute(refused.database), error => !isUnavailable(error))
    }
  })
})

function databaseAt(url: URL): AsyncDisposable & { database: Database } {
  const database = postgresDatabase(url.href, pino({ level: 'silent' }))
  return { database, [Symbol.asyncDispose]: () => database.destroy() }
}
