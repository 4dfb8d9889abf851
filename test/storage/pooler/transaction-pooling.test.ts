import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { refreshTokens } from '../../measuring/known-keys.ts'
import { seedSessions } from '../../measuring/seeded-sessions.ts'
import { alterDefaults, createTestDatabase } from '../../support/database.ts'
import { emptyDirectory, ServiceProcess } from '../../support/process.ts'
import { exchange, newAddress, PASSWORD, SECRET_KEY, send } from '../../support/service.ts'
import { letterIn, tokenOf } from '../../support/sink-letters.ts'
import { openSmtpSink } from '../../support/smtp-sink.ts'
import { hasPgBouncer, openPgBouncer } from './pgbouncer.ts'
import { openPoolerDouble } from './pooler-double.ts'

const ROUNDS = 10
const SESSIONS = 12

const POOLERS = [
  { name: 'a pooler in transaction mode, by the wire', open: openPoolerDouble },
  ...(hasPgBouncer() ? [{ name: 'PgBouncer in transaction mode', open: openPgBouncer }] : []),
]

for (const { name, open } of POOLERS)
  describe(`behind ${name}`, () => {
    test('an empty database is migrated, people sign up and in, every refresh succeeds, and it is ready', async () => {
      await using database = await createTestDatabase()
      await using directory = await emptyDirectory()
      await using sink = await openSmtpSink()
      await using pooler = await open(database.url)
      await using service = new ServiceProcess({
        AUTH_DATA_DIR: directory.path,
        AUTH_DATABASE_URL: pooler.url,
        AUTH_SECRET_KEY: SECRET_KEY,
        AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
        AUTH_RATE_LIMITS: 'off',
      })
      const url = await service.started()
      const email = newAddress()
      const { body } = await send(`${url}/v1/accounts`, { json: { email, password: PASSWORD } })
      const json = { token: tokenOf(await letterIn(sink, email)), ticket: body.confirmation.ticket }
      assert.equal((await send(`${url}/v1/confirmations`, { json })).status, 200)
      const session = await send(`${url}/v1/sessions`, { json: { email, password: PASSWORD } })
      assert.equal(session.status, 201)

      const tokens = [session.body.refresh_token, ...(await seedSessions({ databaseUrl: database.url }, SESSIONS))]
      for (let round = 1; round <= ROUNDS; round++)
        await Promise.all(
          tokens.map(async (token, index) => {
            const { status, body, text } = await exchange({ url }, token)
            assert.equal(status, 200, text)
            assert.equal((await refreshTokens.open(body.refresh_token))!.generation, round + 1)
            tokens[index] = body.refresh_token
            await send(`${url}/readyz`) // on another connection, so that the sessions behind are mixed
          }),
        )
      assert.equal((await send(`${url}/readyz`)).status, 200)
      assert.doesNotMatch(service.output, /LISTEN|prepared statement/)
    })

    test('a database whose sessions differ in what statements rely on is refused', async () => {
      await using database = await createTestDatabase()
      await alterDefaults(database.url)
      await using directory = await emptyDirectory()
      await using pooler = await open(database.url)
      await using service = new ServiceProcess({
        AUTH_DATA_DIR: directory.path,
        AUTH_DATABASE_URL: pooler.url,
        AUTH_SECRET_KEY: SECRET_KEY,
      })
      const { code, stderr } = await service.ended()
      assert.equal(code, 1)
      assert.match(stderr, /Needed: .*default_transaction_isolation = 'read committed'.* behind the connection pooler/)
      assert.match(stderr, /Found: .*default_transaction_isolation = 'serializable'.*datestyle = 'German, DMY'/)
      assert.match(stderr, /Found: .*standard_conforming_strings = 'off'/)
      assert.match(stderr, /Do: .*alter role/)
    })
  })
