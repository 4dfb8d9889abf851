import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Answer } from '../../bench/adapters/adapter.ts'
import { authService } from '../../bench/adapters/auth-service.ts'
import { Connection } from '../../bench/load/connection.ts'
import { exchangeAtOnce } from '../../bench/measurements/concurrent-exchanges.ts'
import { seedSessions } from '../measuring/seeded-sessions.ts'
import { startTestService } from '../support/service.ts'

const AT_ONCE = 20

suite('one refresh token, exchanged many times at once', () => {
  test('gives this service’s clients one successor, and the session goes on', async () => {
    await using service = await startTestService('PostgreSQL')
    const [refreshToken] = await seedSessions({ databaseUrl: service.databaseUrl! }, 1)
    await using opened = new AsyncDisposableStack()
    const connections = Array.from({ length: AT_ONCE }, () => opened.use(new Connection(service.url)))
    const { succeeded, distinct, goesOnWith } = await exchangeAtOnce(authService(), connections, refreshToken!)
    assert.deepEqual(
      { succeeded, distinct, goesOn: goesOnWith !== undefined },
      { succeeded: 20, distinct: 1, goesOn: true },
    )
  })

  test('has ended the session where no successor can be exchanged afterwards', async () => {
    const answers = [tokens('second'), REFUSED, REFUSED] // the second use ends all, the last is the try afterwards
    const found = await exchangeAtOnce(authService(), [answering(answers), answering(answers)], 'first')
    assert.deepEqual(found, { succeeded: 1, distinct: 1, goesOnWith: undefined })
  })

  test('goes on with the first successor that can be exchanged afterwards', async () => {
    const answers = [tokens('second'), tokens('third'), REFUSED, tokens('fourth')]
    const found = await exchangeAtOnce(authService(), [answering(answers), answering(answers)], 'first')
    assert.deepEqual(found, { succeeded: 2, distinct: 2, goesOnWith: 'fourth' })
  })
})

const REFUSED: Answer = { status: 400, headers: {}, body: '{"error":"invalid_grant"}' }
const tokens = (refresh_token: string): Answer => ({
  status: 200,
  headers: {},
  body: JSON.stringify({ access_token: 'a', refresh_token }),
})
const answering = (answers: Answer[]) => ({ send: async () => answers.shift()! })
