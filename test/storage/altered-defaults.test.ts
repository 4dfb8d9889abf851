import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alterDefaults, createTestDatabase } from '../support/database.ts'
import { confirmedAtOnce } from '../support/genuine-secrets.ts'
import { exchange, SECRET_KEY, signIn, startTestService } from '../support/service.ts'

const ROUNDS = 10

test('a database with defaults of its own for sessions changes nothing: sign-ups, and refreshes at two processes', async () => {
  await using database = await createTestDatabase()
  await alterDefaults(database.url)
  const env = { AUTH_DATABASE_URL: database.url, AUTH_SECRET_KEY: SECRET_KEY }
  await using one = await startTestService('PGlite', { env })
  await using other = await startTestService('PGlite', { env })
  let token = await signIn(one, await confirmedAtOnce({ ...one, databaseUrl: database.url }))
  for (let round = 0; round < ROUNDS; round++) {
    const answers = await Promise.all([one, other, one, other].map(service => exchange(service, token)))
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 200],
    )
    assert.equal(new Set(answers.map(({ body }) => body.refresh_token)).size, 1)
    token = answers[0]!.body.refresh_token
  }
})
