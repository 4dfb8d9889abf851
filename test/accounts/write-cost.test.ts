import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { createDatabase, type PostgresServer, startPostgres, type TestDatabase } from '../support/postgres.ts'
import {
  confirmedAccount,
  lettersTo,
  newAddress,
  SECRET_KEY,
  signIn,
  signUp,
  startTestService,
  type TestService,
} from '../support/service.ts'
import { settled } from '../support/settled.ts'

const ROUNDS = 20 // below the limit of the network
const OF_THE_SERVICE_ITSELF = 0.5 // of a round: supervising the queue and renewing leases, in the second or two that it takes

// Transactions that write are what a sign-up costs a database most: each is synced. How long they take is for `npm run bench`.
describe('how many transactions write', () => {
  let server: PostgresServer // of its own, since transactions are numbered for the whole server
  let database: TestDatabase
  let service: TestService
  let client: pg.Client
  before(async () => {
    server = await startPostgres()
    database = await createDatabase(server.url)
    const env = { AUTH_DATABASE_URL: database.url, AUTH_SECRET_KEY: SECRET_KEY, AUTH_RATE_LIMITS: 'on' }
    service = await startTestService('PGlite', { env })
    client = new pg.Client({ connectionString: database.url })
    await client.connect()
  })
  after(async () => {
    await client?.end()
    await service?.[Symbol.asyncDispose]()
    await server?.stop()
  })

  const written = async () => {
    const { rows } = await client.query('select pg_snapshot_xmax(pg_current_snapshot())::text as next')
    return Number(rows[0].next)
  }
  const writtenBy = async (work: () => Promise<unknown>) => {
    await settled(service)
    const begun = await written()
    for (let round = 0; round < ROUNDS; round++) await work()
    await settled(service)
    return ((await written()) - begun) / ROUNDS
  }

  test('for a sign-up, its email included', async () => {
    const each = await writtenBy(async () => {
      const { email } = await signUp(service)
      await lettersTo(service, email)
    })
    // The limit of the network; account, event and message; taking the message, noting and releasing the email;
    // recording that it was sent and completing the message.
    assert.ok(each <= 4 + OF_THE_SERVICE_ITSELF, `${each} each`)
  })

  test('for a sign-in', async () => {
    const account = await confirmedAccount(service, { email: newAddress() })
    const each = await writtenBy(() => signIn(service, account))
    assert.ok(each <= 2 + OF_THE_SERVICE_ITSELF, `${each} each`) // the attempt; all that its success changes
  })
})
