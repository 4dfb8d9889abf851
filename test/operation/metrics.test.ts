import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { confirmedAccount, exchange, send, signIn, startTestService } from '../support/service.ts'

describe('what the operator sees', () => {
  test('metrics count what happened, on a port of their own [R80]', async () => {
    await using service = await startTestService('PGlite', { env: { AUTH_METRICS_LISTEN: '127.0.0.1:0' } })
    const refreshToken = await signIn(service, await confirmedAccount(service))
    for (const token of [refreshToken, refreshToken, 'garbled']) await exchange(service, token)
    const metrics = await (await fetch(service.service.metricsUrl!)).text()
    for (const line of [
      'auth_refresh_exchanges_total{outcome="current"} 1',
      'auth_refresh_exchanges_total{outcome="repeated"} 1',
      'auth_refresh_exchanges_total{outcome="malformed"} 1',
      'auth_letters_total{outcome="sent"} 1',
      'auth_mail_degraded 0',
      'auth_password_hashes{state="waiting"} 0',
      'auth_http_request_seconds_count{method="POST",route="/oauth2/token",status="200"} 2',
    ])
      assert.ok(metrics.includes(line), line)
    assert.ok(!metrics.includes('@example.com'))
    assert.equal((await send(`${service.url}/metrics`)).status, 404)
    assert.equal((await fetch(new URL('/v1/account', service.service.metricsUrl!))).status, 404)
  })

  test('each request is one line of the log, with its id, without its query [R76]', async () => {
    await using service = await startTestService('PGlite')
    const { headers } = await send(`${service.url}/confirm?token=authsvc_lt_k1.secret`)
    const line = service
      .log()
      .split('\n')
      .find(each => each.includes(headers.get('x-request-id')!))
    assert.ok(line)
    const { method, path, status, level } = JSON.parse(line)
    assert.deepEqual({ method, path, status, level }, { method: 'GET', path: '/confirm', status: 404, level: 'info' })
    assert.ok(!service.log().includes('secret'))
  })

  test('service links of Kubernetes are told in one line of the log', async () => {
    const links = { AUTH_SERVICE_HOST: '10.0.0.1', AUTH_SERVICE_PORT: '8080' }
    await using service = await startTestService('PGlite', { env: links })
    const lines = service
      .log()
      .split('\n')
      .filter(line => line.includes('service links'))
    assert.equal(lines.length, 1)
    assert.deepEqual(JSON.parse(lines[0]!).names, Object.keys(links))
  })

  test('health is told with what it is about', async () => {
    await using service = await startTestService('PGlite')
    assert.deepEqual((await send(`${service.url}/livez`)).body, { status: 'ok' })
    const ready = async () => (await send(`${service.url}/readyz`)).body
    while ((await ready()).mail === 'unknown') {} // the mail server is asked in the background
    const { dependencies, ...rest } = await ready()
    assert.deepEqual(rest, { status: 'ok', database: 'ok', queue: 'ok', mail: 'ok' })
    assert.deepEqual(Object.keys(dependencies), ['database', 'queue'])
    for (const { state, checked_seconds_ago, ok_seconds_ago } of Object.values<Record<string, unknown>>(dependencies))
      assert.deepEqual([state, ok_seconds_ago], ['ok', checked_seconds_ago])
  })
})
