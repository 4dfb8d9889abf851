import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { CuttingProxy } from '../faults/outages/cutting-proxy.ts'
import { holdsWithin } from '../faults/outages/waiting.ts'
import { seedSessions } from '../measuring/seeded-sessions.ts'
import { createTestDatabase } from '../support/database.ts'
import { missedDeadlines } from '../support/metrics.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { newAddress, PASSWORD, SECRET_KEY, send } from '../support/service.ts'
import { letterIn } from '../support/sink-letters.ts'
import { openSmtpSink, type SmtpSink } from '../support/smtp-sink.ts'

const LONGEST_ANSWER = 5_000 // milliseconds; it is the promise itself
const SESSIONS = 36

describe('when the database host is lost without a word', () => {
  const opened = new AsyncDisposableStack()
  let proxy: CuttingProxy
  let sink: SmtpSink
  let url: string
  let metricsUrl: string
  let tokens: string[]
  before(async () => {
    const database = opened.use(await createTestDatabase())
    const directory = opened.use(await emptyDirectory())
    proxy = opened.use(await CuttingProxy.inFrontOf(database.url))
    sink = opened.use(await openSmtpSink())
    const service = opened.use(
      new ServiceProcess({
        AUTH_DATA_DIR: directory.path,
        AUTH_DATABASE_URL: proxy.urlOf(database.url),
        AUTH_SECRET_KEY: SECRET_KEY,
        AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
        AUTH_RATE_LIMITS: 'off',
        AUTH_METRICS_LISTEN: '127.0.0.1:0',
      }),
    )
    url = await service.started()
    metricsUrl = (await service.until(/Metrics +(\S+)/))[1]!
    tokens = await seedSessions({ databaseUrl: database.url }, SESSIONS)
  })
  after(() => opened.disposeAsync())

  /** @returns the status and the path; `none` where no answer came in time */
  const ask = async (path: string, request: Parameters<typeof send>[1] = {}) =>
    send(url + path, { ...request, signal: AbortSignal.timeout(LONGEST_ANSWER) }).catch(() => ({
      status: 'none',
      body: undefined,
    }))
  const answered = async (path: string, request?: Parameters<typeof send>[1]) =>
    `${(await ask(path, request)).status} ${path}`

  async function refresh(index: number): Promise<string> {
    const form = { grant_type: 'refresh_token', refresh_token: tokens[index]! }
    const { status, body } = await ask('/oauth2/token', { form })
    if (status === 200) tokens[index] = body.refresh_token
    return `${status} /oauth2/token`
  }
  const signIn = () => answered('/v1/sessions', { json: { email: newAddress(), password: PASSWORD } })
  const signUp = (email: string) => answered('/v1/accounts', { json: { email, password: PASSWORD } })

  test('each request is answered with 503 within 5 s, and all go on once it is back', async () => {
    const everybody = () => Promise.all(tokens.map((_, index) => refresh(index)))
    assert.deepEqual(new Set(await everybody()), new Set(['200 /oauth2/token']))
    assert.equal(await signUp(newAddress()), '201 /v1/accounts')

    proxy.fallSilent()
    const asked: Promise<string>[] = []
    for (let index = 0; index < SESSIONS; index++) {
      asked.push(refresh(index), signIn(), signUp(newAddress()), answered('/readyz'))
      await pause(250) // so that some meet dead connections and others none
    }
    assert.deepEqual(
      [...new Set(await Promise.all(asked))].sort(),
      ['/oauth2/token', '/readyz', '/v1/accounts', '/v1/sessions'].map(path => `503 ${path}`),
    )

    const missed = await missedDeadlines(metricsUrl)
    assert.ok(missed.get('database_query')! > 0, 'queries that got no result are counted')
    assert.ok(missed.get('database_connect')! > 0, 'and so are connections that were not made')

    proxy.hear()
    assert.ok(await holdsWithin(10, async () => (await refresh(0)).startsWith('200')), 'refreshes go on within 10 s')
    assert.ok(
      await holdsWithin(10, async () => (await answered('/readyz')).startsWith('200')),
      'it is ready within 10 s',
    )
    assert.deepEqual(new Set(await everybody()), new Set(['200 /oauth2/token']), 'no token was lost')
    const email = newAddress()
    assert.equal(await signUp(email), '201 /v1/accounts')
    await letterIn(sink, email, 30)
  })
})
