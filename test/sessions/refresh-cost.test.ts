import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { seedSessions } from '../measuring/seeded-sessions.ts'
import { sessionTable } from '../measuring/session-table.ts'
import { createDatabase, type PostgresServer, startPostgres } from '../support/postgres.ts'
import { rawRequest, sendRaw } from '../support/raw-http.ts'
import { exchange, SECRET_KEY, startTestService, type TestService } from '../support/service.ts'

const SESSIONS = 20
const ROUNDS = 60 // in some of them a transaction of the service's own, or a vacuum, is open
const MOST_BYTES = 1_250 // of an answer, more than half of which is the access token

// What does not depend on the mood of a machine; how long it takes is measured by `npm run bench`.
describe('what refreshes cost', () => {
  // Of its own: a transaction of another test, in any database of the server, that has written and is open keeps
  // PostgreSQL from reusing the room of dead rows. With one, 68 % of these updates are in place.
  let server: PostgresServer
  let databaseUrl: string
  let service: TestService
  let tokens: string[]
  before(async () => {
    server = await startPostgres()
    databaseUrl = (await createDatabase(server.url)).url
    const env = { AUTH_DATABASE_URL: databaseUrl, AUTH_SECRET_KEY: SECRET_KEY }
    service = await startTestService('PGlite', { env })
    tokens = await seedSessions({ databaseUrl }, SESSIONS)
  })
  after(async () => {
    await service?.[Symbol.asyncDispose]()
    await server?.stop()
  })

  test('they leave no row behind, and PostgreSQL updates in place', async () => {
    const events = async () => {
      const { rows } = await sql<{ count: number }>`select count(*)::int as count from audit_event`.execute(
        service.service.database,
      )
      return rows[0]!.count
    }
    const [before, eventsBefore] = [await sessionTable(databaseUrl), await events()]
    for (let round = 0; round < ROUNDS; round++)
      tokens = await Promise.all(tokens.map(async token => (await exchange(service, token)).body.refresh_token))
    const after = await sessionTable(databaseUrl, before.updates + SESSIONS * ROUNDS)
    const updates = after.updates - before.updates
    assert.equal(updates, SESSIONS * ROUNDS, 'one update each')
    assert.equal(after.rows, before.rows)
    assert.equal(await events(), eventsBefore)
    const hotShare = (after.hotUpdates - before.hotUpdates) / updates
    assert.ok(hotShare >= 0.95, `${hotShare} of the updates were in place`)
  })

  test('an answer is short', async () => {
    const form = `grant_type=refresh_token&refresh_token=${tokens[0]}`
    const request = rawRequest('POST', '/oauth2/token', { 'content-type': 'application/x-www-form-urlencoded' }, form)
    const { answers } = await sendRaw(service.service.port, request)
    const [{ status, headers, body }] = answers as [(typeof answers)[number]]
    assert.equal(status, 200)
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
    const bytes = ['HTTP/1.1 200 OK', ...lines, '', body].join('\r\n').length
    assert.ok(bytes <= MOST_BYTES, `it has ${bytes} bytes`)
  })
})
