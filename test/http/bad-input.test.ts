import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { type Answer, newAddress, PASSWORD, send, startTestService, type TestService } from '../support/service.ts'

describe('bad input [R72, R73]', () => {
  let service: TestService
  before(async () => {
    service = await startTestService('PGlite')
  })
  after(() => service[Symbol.asyncDispose]())

  const good = { email: newAddress(), password: PASSWORD }
  const signUp = (body: BodyInit, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
    send(`${service.url}/v1/accounts`, { method: 'POST', body, headers })

  function assertProblem({ status, headers, body, text }: Answer, expected: number, code: string, name?: string) {
    assert.deepEqual([status, body?.code], [expected, code], `${name ?? ''} ${text}`)
    assert.match(headers.get('content-type')!, /^application\/problem\+json/)
    assert.deepEqual([body.status, body.type], [expected, `urn:auth-service:problem:${code}`])
    assert.ok(body.title && body.detail)
    assert.match(headers.get('x-request-id')!, /^[0-9a-f-]{36}$/)
    assert.ok(!/\bat .*\.[jt]s|node_modules/.test(text), 'no stack trace')
  }

  const faults = ({ body }: Answer) =>
    body.errors.map(({ pointer, code }: { pointer: string; code: string }) => [pointer, code])

  test('what is not JSON is told so', async () => {
    for (const body of ['', '{', 'null{', '{"email":}', "{'email':1}", '\0', '{"__proto__":{}}'])
      assertProblem(await signUp(body), 400, 'malformed_json', body)
  })

  test('what is not UTF-8 is told so, and no byte is replaced in silence', async () => {
    const body = Buffer.concat([
      Buffer.from('{"email":"a@example.com","password":"'),
      Buffer.alloc(12, 0xe4),
      Buffer.from('"}'),
    ])
    assertProblem(await signUp(body), 400, 'malformed_json')
  })

  test('JSON that is no object is not valid', async () => {
    for (const body of ['null', '1', '"x"', '[]', 'true'])
      assertProblem(await signUp(body), 422, 'invalid_request', body)
  })

  test('missing, unknown and mistyped fields are told all at once, each with its pointer', async () => {
    const answer = await signUp(JSON.stringify({ email: 1, 'a/b~c': true, status: 'active' }))
    assertProblem(answer, 422, 'invalid_request')
    assert.deepEqual(
      new Set(faults(answer).map(String)),
      new Set(['/password,required', '/a~1b~0c,unknown_field', '/status,unknown_field', '/email,wrong_type']),
    )
  })

  test('no field of an account can be set from outside [R74]', async () => {
    for (const field of [
      'id',
      'status',
      'confirmed_at',
      'created_at',
      'revision',
      'superseded_at',
      'role',
      'password_phc',
    ])
      assert.deepEqual(faults(await signUp(JSON.stringify({ ...good, [field]: 'active' }))), [
        [`/${field}`, 'unknown_field'],
      ])
  })

  test('arrays and objects in the place of strings are refused, never coerced', async () => {
    for (const value of [['a'], { $gt: '' }, 12345678901, true, null])
      for (const field of ['email', 'password']) {
        const answer = await signUp(JSON.stringify({ ...good, [field]: value }))
        assertProblem(answer, 422, 'invalid_request')
        assert.deepEqual(faults(answer), [[`/${field}`, 'wrong_type']])
      }
  })

  test('a thousand faults are answered with twenty', async () => {
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`f${index}`, 1]))
    const answer = await signUp(JSON.stringify(many))
    assertProblem(answer, 422, 'invalid_request')
    assert.equal(answer.body.errors.length, 20)
  })

  test('addresses and passwords have codes of their own, told together [R27]', async () => {
    const cases: [object, [string, string][]][] = [
      [
        { email: 'not an address', password: 'short' },
        [
          ['/email', 'email_invalid'],
          ['/password', 'password_too_short'],
        ],
      ],
      [{ ...good, password: 'x'.repeat(300) }, [['/password', 'password_too_long']]],
      [{ ...good, password: 'x'.repeat(5_000) }, [['/password', 'password_too_long']]],
      [{ ...good, password: 'PassWord123' }, [['/password', 'password_too_common']]],
      [{ ...good, password: good.email }, [['/password', 'password_too_common']]],
      [{ ...good, password: 'auth SERVICE' }, [['/password', 'password_too_common']]],
      [{ email: `${'a'.repeat(65)}@example.com`, password: PASSWORD }, [['/email', 'email_invalid']]],
      [{ email: '"e@attacker.example"@victim.example', password: PASSWORD }, [['/email', 'email_invalid']]],
      [{ email: 'a@x.example,b@y.example', password: PASSWORD }, [['/email', 'email_invalid']]],
    ]
    for (const [json, expected] of cases) {
      const answer = await signUp(JSON.stringify(json))
      assertProblem(answer, 422, 'invalid_request', JSON.stringify(json))
      assert.deepEqual(faults(answer), expected)
    }
  })

  test('bodies over 16 KB are refused', async () => {
    assertProblem(await signUp(JSON.stringify({ ...good, locale: 'x'.repeat(16_384) })), 413, 'body_too_large')
  })

  test('the longest password fits into a body, with each character escaped', async () => {
    const email = `${newAddress()}.${'x'.repeat(63)}.${'x'.repeat(63)}.example`.replace(/./g, escapedUnit)
    const password = '\u{1f994}'.repeat(256).replace(/./g, escapedUnit)
    const { status, text } = await signUp(`{"email":"${email}","password":"${password}"}`)
    assert.equal(status, 201, text)
  })

  test('other content types are refused', async () => {
    for (const type of [
      'text/plain',
      'application/xml',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'x',
    ])
      assertProblem(await signUp('{}', { 'content-type': type }), 415, 'unsupported_media_type', type)
  })

  test('a wrong method is told with the right ones', async () => {
    for (const [path, method, allow] of [
      ['/v1/accounts', 'GET', 'POST'],
      ['/v1/sessions', 'DELETE', 'POST'],
      ['/v1/account', 'PUT', 'GET, HEAD'],
      ['/livez', 'POST', 'GET, HEAD'],
    ] as const) {
      const answer = await send(`${service.url}${path}`, { method })
      assertProblem(answer, 405, 'method_not_allowed', path)
      assert.equal(answer.headers.get('allow'), allow)
    }
  })

  test('an unknown path is not found', async () => {
    for (const path of [
      '/v1',
      '/v1/nothing',
      '/v2/accounts',
      '/sign-up/',
      '/%2e%2e/etc/passwd',
      '/mailbox/..%2f..%2fx',
    ])
      assert.equal((await send(`${service.url}${path}`)).status, 404, path)
    assertProblem(await send(`${service.url}/v1/nothing`), 404, 'not_found')
  })

  test('a path that is no UTF-8 is a bad request', async () => {
    assertProblem(await send(`${service.url}/v1/%ff%fe`), 400, 'bad_request')
  })

  test('garbled Authorization headers are no tokens [R59]', async () => {
    for (const authorization of [
      'Bearer',
      'Bearer ',
      'bearer x y',
      'Basic YTpi',
      'Bearer a.b.c',
      `Bearer ${'x'.repeat(9_000)}`,
    ]) {
      const answer = await send(`${service.url}/v1/account`, { headers: { authorization } })
      assertProblem(answer, 401, 'invalid_access_token', authorization.slice(0, 20))
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer')
    }
  })

  test('garbled forwarding headers change nothing', async () => {
    for (const forwarded of ['', ',', 'x', '1.2.3.4, , ,', '\u00ff', '9'.repeat(5_000)]) {
      const headers = { 'x-forwarded-for': forwarded, 'content-type': 'application/json' }
      const { status } = await signUp(JSON.stringify({ ...good, email: newAddress() }), headers)
      assert.equal(status, 201, forwarded.slice(0, 20))
    }
  })

  test('what is no HTTP is answered on the socket and closed [R72]', async () => {
    const { hostname, port } = new URL(service.url)
    for (const [bytes, expected] of [
      ['NONSENSE\r\n\r\n', /^HTTP\/1\.1 400 .*application\/problem\+json.*"bad_request"/s],
      [`GET / HTTP/1.1\r\nx: ${'a'.repeat(40_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
      ['POST /v1/accounts HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n', /^HTTP\/1\.1 400 /],
      ['GET / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\nabc', /^HTTP\/1\.1 400 /],
    ] as const) {
      const socket = connect(Number(port), hostname === 'localhost' ? '127.0.0.1' : hostname)
      let answer = ''
      socket.on('data', data => {
        answer += data
      })
      socket.write(bytes)
      await once(socket, 'close')
      assert.match(answer, expected)
      assert.match(answer, /^x-request-id: [0-9a-f-]{36}\r$/m)
    }
  })

  test('after all this the service works', async () => {
    assert.equal((await signUp(JSON.stringify({ ...good, email: newAddress() }))).status, 201)
    assert.ok(!service.log().includes('"level":"error"'))
  })
})

const escapedUnit = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
