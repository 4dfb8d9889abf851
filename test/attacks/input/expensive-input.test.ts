import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startUnlimitedService } from '../../support/genuine-secrets.ts'
import { rawRequest, sendRaw } from '../../support/raw-http.ts'
import { newAddress, PASSWORD, send, type TestService } from '../../support/service.ts'

const LIMIT = 16 * 1024 // bytes of a body
const SIZE = 16_000 // characters, just below the limit
const MOST_FIELDS = 100 // of a form
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

  const OAUTH_ERROR = /^\{"error":"invalid_request","error_description":"/
  const PAGE = /^<!doctype html>.*A body may have 16 KB at most, and a form 100 fields\./s
  /** Where forms are sent, and what refuses one that is too large. */
  const FORMS = {
    '/oauth2/token': OAUTH_ERROR,
    '/oauth2/revoke': OAUTH_ERROR,
    '/sign-up': PAGE,
    '/sign-in': PAGE,
    '/confirm': PAGE,
    '/confirm/letter': PAGE,
    '/device': PAGE,
  }
  for (const [path, refusal] of Object.entries(FORMS))
    test(`[R77] [R73] a form to ${path} of many fields or bytes is refused before it is parsed (nodemailer CVE-2026-90776, fast-jwt CVE-2026-35041)`, async () => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: service.url }
      const post = (body: string) => send(service.url + path, { method: 'POST', body, headers })
      const fields = (count: number) => Array.from({ length: count }, (_, index) => `f${index}=`).join('&')
      for (const [what, body] of Object.entries({
        'one field, thousands of times': 'a&'.repeat(SIZE / 2),
        'one field more than a form may have': fields(MOST_FIELDS + 1),
        'nothing but separators': '&'.repeat(MOST_FIELDS),
        'one byte more than a body may have': `a=${'x'.repeat(LIMIT - 1)}`,
      })) {
        const { status, text } = await post(body)
        assert.equal(status, 413, what)
        assert.match(text, refusal, what)
      }
      assert.notEqual((await post(fields(MOST_FIELDS))).status, 413)
      assert.notEqual((await post(`a=${'x'.repeat(LIMIT - 2)}`)).status, 413)
    })

  test('[R77] [R73] a query of thousands of parameters is read to the twentieth only', async () => {
    const titleOf = async (query: string) =>
      /<title>(.*)<\/title>/.exec((await send(`${service.url}/confirm?${query}`)).text)?.[1]
    assert.equal(await titleOf(`${'a&'.repeat(19)}token=x`), 'This did not work', 'the token is not known')
    assert.equal(await titleOf(`${'a&'.repeat(20)}token=x`), 'Ask for another letter', 'no token was read')
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
      const plain = JSON.stringify({ email: 'x'.repeat(SIZE - 20) })
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
