import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startUnlimitedService } from '../../support/genuine-secrets.ts'
import { rawRequest, sendRaw } from '../../support/raw-http.ts'
import { newAddress, PASSWORD, send, type TestService } from '../../support/service.ts'

const SIZE = 60_000 // characters, just below the limit of a body
const FIELDS = 12_000 // of a form; 64 KB hold 32,000
const MOST = 20 // times what the same number of characters costs otherwise; what is quadratic costs hundreds of times

describe('input that is made to be expensive', () => {
  let service: TestService
  before(async () => {
    service = await startUnlimitedService('PGlite')
  })
  after(() => service[Symbol.asyncDispose]())

  /** Milliseconds of the processor that the service, which is in this process, needs for a request. */
  async function costOf(path: string, body: string, headers: Record<string, string>): Promise<number> {
    const began = process.cpuUsage()
    const { status } = await send(service.url + path, { method: 'POST', body, headers })
    const { user, system } = process.cpuUsage(began)
    assert.ok(status < 500)
    return (user + system) / 1_000
  }

  const FORMS = ['/oauth2/token', '/oauth2/revoke', '/sign-in', '/confirm']
  for (const path of FORMS)
    test(`[R77] [R73] a form to ${path} that repeats one field costs no more than others of its size (nodemailer CVE-2026-90776, fast-jwt CVE-2026-35041)`, async () => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: service.url }
      const plain = `a=${'x'.repeat(2 * FIELDS - 2)}`
      await costOf(path, plain, headers)
      const usual = Math.max(5, await costOf(path, plain, headers))
      const repeated = await costOf(path, 'a&'.repeat(FIELDS), headers)
      assert.ok(repeated < MOST * usual, `${Math.round(repeated)} ms of the processor, against ${Math.round(usual)} ms`)
    })

  const bodies: Record<string, string> = {
    'of thousands of unknown fields': `{${Array.from({ length: SIZE / 12 }, (_, index) => `"f${index}":1`).join(',')}}`,
    'of one field, thousands of times': `{${'"email":1,'.repeat(SIZE / 12)}"email":1}`,
    'nested thousands of times': `${'['.repeat(SIZE / 2)}${']'.repeat(SIZE / 2)}`,
    'with an address of dots': JSON.stringify({ email: `${'a.'.repeat(490)}@x.example`, password: PASSWORD }),
    'with an address of labels': JSON.stringify({ email: `a@${'b.'.repeat(490)}example`, password: PASSWORD }),
    'with a password of combining characters': JSON.stringify({ email: newAddress(), password: 'a\u0301'.repeat(340) }),
    'with a password that is far too long': JSON.stringify({ email: newAddress(), password: 'x'.repeat(SIZE - 100) }),
    'with a locale of dashes': JSON.stringify({
      email: newAddress(),
      password: PASSWORD,
      locale: `aa${'-a'.repeat(SIZE / 4)}`,
    }),
    'with a token of thousands of characters': JSON.stringify({ token: `authsvc_lt_${'k'.repeat(SIZE - 100)}` }),
  }
  for (const [what, body] of Object.entries(bodies))
    test(`[R77] [R73] JSON ${what} costs no more than others of its size`, async () => {
      const headers = { 'content-type': 'application/json' }
      const plain = JSON.stringify({ email: 'x'.repeat(SIZE) })
      for (const path of ['/v1/accounts', '/v1/sessions', '/v1/confirmations']) {
        await costOf(path, plain, headers)
        const usual = Math.max(10, await costOf(path, plain, headers)) // a password hash takes about as long
        const cost = await costOf(path, body, headers)
        assert.ok(cost < MOST * usual, `${Math.round(cost)} ms of the processor, against ${Math.round(usual)} ms`)
      }
    })

  test('[R77] [R25] ten megabytes are refused before they have arrived', async () => {
    const bytes = rawRequest('POST', '/v1/sessions', {
      'content-type': 'application/json',
      'content-length': '10000000',
    })
    const { answers } = await sendRaw(service.service.port, bytes)
    assert.deepEqual(
      answers.map(({ status }) => status),
      [413],
    )
    assert.equal(JSON.parse(answers[0]!.body).code, 'body_too_large')
  })

  test('[R72] a client that goes away in the middle of its body is not taken for a database that is away', async () => {
    const bytes = rawRequest(
      'POST',
      '/v1/sessions',
      { 'content-type': 'application/json', 'content-length': '1000' },
      '{"email":',
    )
    await sendRaw(service.service.port, bytes, { leavesEarly: true })
    await sendRaw(service.service.port, bytes, { leavesEarly: true })
    await send(`${service.url}/livez`)
    await pause(50)
    const lines = service
      .log()
      .split('\n')
      .filter(line => line.includes('"level":"warn"') || line.includes('"status":503'))
    assert.deepEqual(lines, [])
  })

  for (const [what, bytes] of Object.entries({
    'without a host': 'GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n',
    'with an expectation that nobody meets': rawRequest('GET', '/livez', { expect: '200-ok' }),
    'with a header without a name': 'GET /livez HTTP/1.1\r\nhost: localhost\r\n: x\r\n\r\n',
    'with headers that are too large': rawRequest('GET', '/livez', { x: 'a'.repeat(40_000) }),
    'with two lengths':
      'POST /v1/sessions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab',
  }))
    test(`[R72] a request ${what} is told so in a problem document with an id`, async () => {
      const { answers } = await sendRaw(service.service.port, bytes)
      const [answer] = answers
      assert.equal(answers.length, 1)
      assert.ok(answer!.status >= 400 && answer!.status < 500)
      assert.equal(answer!.headers['content-type'], 'application/problem+json')
      assert.equal(JSON.parse(answer!.body).status, answer!.status)
      assert.match(answer!.headers['x-request-id'] ?? 'none', /^[0-9a-f-]{36}$/)
    })
})
