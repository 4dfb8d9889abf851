import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readiness } from '../support/metrics.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { rawRequest, sendRaw } from '../support/raw-http.ts'
import { confirmedAccount, exchange, fillDataDirectory, send, signIn, startTestService } from '../support/service.ts'

const SOONER = {
  file: 'operation/metrics-listener.ts',
  find: 'TRY_AGAIN_AFTER = 10_000',
  replace: 'TRY_AGAIN_AFTER = 100',
}

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

  test('metrics answer to IP addresses, loopback and configured names, and to no name that was pointed here [R80]', async () => {
    const env = { AUTH_METRICS_LISTEN: '127.0.0.1:0', AUTH_METRICS_HOSTS: 'auth.internal' }
    await using service = await startTestService('PGlite', { env })
    const port = Number(new URL(service.service.metricsUrl!).port)
    const statusFor = async (host: string) =>
      (await sendRaw(port, rawRequest('GET', '/metrics', { host }))).answers[0]?.status
    for (const host of [
      '127.0.0.1',
      'localhost:9464',
      'LOCALHOST',
      '[::1]:9464',
      '10.0.0.7:9464',
      'Auth.Internal:9464',
    ])
      assert.equal(await statusFor(host), 200, host)
    for (const host of [
      'rebound.example',
      'rebound.example:9464',
      '127.0.0.1.rebound.example',
      'internal',
      '',
      '@',
      'a b',
    ])
      assert.equal(await statusFor(host), 421, host)
    assert.match(service.log(), /"host":"rebound\.example".*AUTH_METRICS_HOSTS/)
  })

  test('metrics whose port is taken come when it is free, and keep nobody from signing in meanwhile', async () => {
    await using first = await startTestService('PGlite', { env: { AUTH_METRICS_LISTEN: '127.0.0.1:0' } })
    const { host } = new URL(first.service.metricsUrl!)
    await using folder = await emptyDirectory()
    await fillDataDirectory(folder.path)
    const env = { AUTH_DATA_DIR: folder.path, AUTH_METRICS_LISTEN: host }
    await using second = new ServiceProcess(env, [], [SOONER])
    const url = await second.started()
    await second.until(/"level":"warn".*there are no metrics yet/)
    assert.equal((await send(`${url}/livez`)).status, 200)
    await first[Symbol.asyncDispose]()
    await second.until(/the port of the metrics became free/)
    assert.match(await (await fetch(`http://${host}/metrics`)).text(), /route="\/livez"/)
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
    await using service = await startTestService('PGlite', { env: { AUTH_METRICS_LISTEN: '127.0.0.1:0' } })
    assert.deepEqual((await send(`${service.url}/livez`)).body, { status: 'ok' })
    const ready = () => readiness(service.service.metricsUrl!)
    while ((await ready()).mail === 'unknown') {} // the mail server is asked in the background
    const { dependencies, ...rest } = await ready()
    assert.deepEqual(rest, { status: 'ok', database: 'ok', queue: 'ok', keys: 'ok', mail: 'ok' })
    assert.deepEqual(Object.keys(dependencies), ['database', 'queue', 'keys'])
    for (const { state, checked_seconds_ago, ok_seconds_ago } of Object.values<Record<string, unknown>>(dependencies))
      assert.deepEqual([state, ok_seconds_ago], ['ok', checked_seconds_ago])
  })

  // A proxy on this machine may say nothing of itself, as nginx since 1.29.7 by default: then a stranger looks like the operator.
  test('the public port tells nobody more of the health than its status is made of', async () => {
    await using service = await startTestService('PGlite')
    const { status, body } = await send(`${service.url}/readyz`)
    assert.deepEqual([status, body], [200, { status: 'ok', database: 'ok', queue: 'ok', keys: 'ok' }])
  })
})
