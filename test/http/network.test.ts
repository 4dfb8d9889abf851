import assert from 'node:assert/strict'
import { isIP, isIPv4 } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { parseIp } from '../../src/http/ip-address.ts'
import { languageFor } from '../../src/http/language.ts'
import { networkOf } from '../../src/http/network.ts'
import { rawRequest, sendRaw } from '../support/raw-http.ts'
import { lettersTo, newAddress, PASSWORD, send, startTestService, type TestService } from '../support/service.ts'

describe('where a request comes from', () => {
  test('is an IPv4 address as it is, also in IPv6 clothes', () => {
    assert.equal(networkOf('192.0.2.7'), '192.0.2.7')
    for (const address of ['::ffff:192.0.2.7', '::FFFF:c000:207', '0:0:0:0:0:ffff:192.0.2.7'])
      assert.equal(networkOf(address), '192.0.2.7', address)
  })

  test('is the /64 of an IPv6 address, however it is written [R39]', () => {
    for (const address of [
      '2001:db8:1:2:3:4:5:6',
      '2001:0db8:0001:0002::1',
      '2001:db8:1:2::',
      '2001:DB8:1:2::ffff:0:1',
    ])
      assert.equal(networkOf(address), '2001:db8:1:2::/64', address)
    assert.equal(networkOf('::1'), '0:0:0:0::/64')
    assert.equal(networkOf('fe80::1%eth0'), 'fe80:0:0:0::/64')
    assert.notEqual(networkOf('2001:db8:1:3::1'), networkOf('2001:db8:1:2::1'))
  })

  test('is read without port, brackets and zone, and nothing else is taken for an address', () => {
    for (const [text, address] of [
      ['192.0.2.7', '192.0.2.7'],
      [' 192.0.2.7:51234', '192.0.2.7'],
      ['[2001:db8::1]', '2001:db8::1'],
      ['[2001:db8::1]:443', '2001:db8::1'],
      ['fe80::1%eth0', 'fe80::1'],
      ['[fe80::1%eth0]:443', 'fe80::1'],
      ['[::ffff:192.0.2.7]:443', '192.0.2.7'],
      ['::ffff:102:304', '1.2.3.4'],
      ['64:ff9b::192.0.2.7', '64:ff9b::192.0.2.7'],
    ] as const)
      assert.equal(parseIp(text), address, text)
    for (const text of [
      '',
      'unknown',
      '_hidden',
      '192.0.2',
      '192.0.2.7:',
      '192.0.2.7:x',
      '[192.0.2.7]',
      '[::1',
      '::1]',
    ])
      assert.equal(parseIp(text), undefined, text)
    assert.equal(parseIp('[2001:db8::1]x'), undefined)
    assert.equal(parseIp('9'.repeat(3_000)), undefined)
  })

  test('is an IPv4 address or a /64 for any address there is', () => {
    const ipv6 = fc.ipV6().filter(address => isIP(address) === 6) // some that fast-check makes are none to Node
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), ipv6), address => {
        const network = networkOf(address)
        const [prefix = '', bits] = network.split('/')
        assert.ok(isIPv4(network) || (isIP(prefix) === 6 && bits === '64'), `${address} is of ${network}`)
        assert.equal(networkOf(isIPv4(network) ? network : prefix), network)
      }),
    )
  })
})

/** The line of the log about a request; it is written a moment after the response. */
async function logLine(service: TestService, id: string): Promise<string> {
  for (const deadline = Date.now() + 5_000; ; await setImmediate()) {
    const line = service
      .log()
      .split('\n')
      .find(each => each.includes(id))
    if (line) return line
    assert.ok(Date.now() < deadline, 'no line of the log in 5 s')
  }
}

describe('forwarding headers', () => {
  const PROXIES = { AUTH_TRUST_PROXY: '127.0.0.0/8,::1,10.0.0.0/8', AUTH_RATE_LIMITS: 'on' }
  /** Whatever a header may hold. */
  const CHARACTER = fc.integer({ min: 0x20, max: 0xff }).filter(code => code !== 0x7f)
  const TEXT = fc.string({ unit: CHARACTER.map(code => String.fromCharCode(code)) })
  const LOOPBACK = /^127\.0\.0\.1$/
  let behindProxy: TestService
  let direct: TestService
  before(async () => {
    behindProxy = await startTestService('PGlite', { env: PROXIES })
    direct = await startTestService('PGlite')
  })
  after(async () => {
    await behindProxy[Symbol.asyncDispose]()
    await direct[Symbol.asyncDispose]()
  })

  /** The client's address as the log has it. */
  const ipOf = async (service: TestService, headers: Record<string, string>): Promise<string> => {
    const { answers } = await sendRaw(service.service.port, rawRequest('GET', '/livez', headers))
    const id = answers[0]!.headers['x-request-id']!
    const line = await logLine(service, id)
    return JSON.parse(line).ip
  }
  const forwardedFor = (service: TestService, header: string) => ipOf(service, { 'x-forwarded-for': header })

  test('lead to the rightmost address that no trusted proxy has, and count for nothing without one', async () => {
    assert.equal(await forwardedFor(behindProxy, '198.51.100.1, 192.0.2.7, 10.1.2.3'), '192.0.2.7')
    assert.equal(await forwardedFor(behindProxy, '198.51.100.1, 192.0.2.7:4711, ::ffff:a01:203'), '192.0.2.7')
    assert.match(await forwardedFor(direct, '192.0.2.7'), LOOPBACK)
  })

  test('[R77] are read to the fiftieth proxy only, and lead to that one', async () => {
    const proxies = (count: number) => Array.from({ length: count }, (_, index) => `10.1.2.${index}`).join(',')
    assert.equal(await forwardedFor(behindProxy, `192.0.2.7,${proxies(49)}`), '192.0.2.7')
    assert.equal(await forwardedFor(behindProxy, `192.0.2.7,${proxies(50)}`), '10.1.2.0')
  })

  test('that cannot be read lead to the last proxy that is known', async () => {
    assert.match(await forwardedFor(behindProxy, '192.0.2.7, unknown'), LOOPBACK)
    assert.equal(await forwardedFor(behindProxy, '192.0.2.7, garbage, 10.1.2.3:80'), '10.1.2.3')
  })

  test('[R39] give a client behind a proxy that appends no other address than its own, whatever it sends', async () => {
    const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined })
    const chain = fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), TEXT), { maxLength: 4 }).map(entries => entries.join(','))
    await fc.assert(
      fc.asyncProperty(fc.oneof(TEXT, chain), port, async (sent, port) => {
        const appended = `${sent}, 192.0.2.7${port === undefined ? '' : `:${port}`}`
        assert.equal(await forwardedFor(behindProxy, appended), '192.0.2.7')
      }),
      { numRuns: 100 },
    )
  })

  test('are an IP address or nothing, whatever they hold', async () => {
    await fc.assert(
      fc.asyncProperty(TEXT, async sent => assert.notEqual(isIP(await forwardedFor(behindProxy, sent)), 0)),
      { numRuns: 100 },
    )
  })

  test('[R39] of thousands of characters fail no request, and 40 ports of one client share a limit', async () => {
    const signIn = async (header: string) => {
      const json = JSON.stringify({ email: 'nobody@example.com', password: 'not the password' })
      const headers = { 'content-type': 'application/json', 'x-forwarded-for': header }
      const { answers } = await sendRaw(behindProxy.service.port, rawRequest('POST', '/v1/sessions', headers, json))
      return answers[0]!.status
    }
    assert.equal(await signIn(Array.from({ length: 3_000 }, (_, index) => index % 10).join('')), 401)
    const statuses: number[] = []
    for (let port = 1_000; port < 1_040 && !statuses.includes(429); port++)
      statuses.push(await signIn(`192.0.2.9:${port}`))
    assert.equal(statuses.at(-1), 429)
  })

  test('from a peer that is no trusted proxy are told of once a minute, with the setting that they need', async () => {
    await using service = await startTestService('PGlite')
    const warnings = () =>
      service
        .log()
        .split('\n')
        .filter(line => line.includes('forwarding headers are ignored'))
    await send(`${service.url}/livez`)
    assert.deepEqual(warnings(), [])
    for (const name of ['x-forwarded-for', 'forwarded', 'x-forwarded-for'])
      await ipOf(service, { [name]: 'for=192.0.2.7' })
    assert.equal(warnings().length, 1)
    assert.match(warnings()[0]!, /"peer":"127\.0\.0\.1".*set AUTH_TRUST_PROXY=127\.0\.0\.1,/)
    await forwardedFor(behindProxy, '192.0.2.7')
    assert.ok(!behindProxy.log().includes('forwarding headers are ignored'))
  })
})

describe('the language', () => {
  test('is the supported one of the highest weight, English otherwise', () => {
    for (const [preference, language] of [
      [undefined, 'en'],
      ['', 'en'],
      ['de, fr;q=0.9', 'en'],
      ['ru', 'ru'],
      ['ru-RU', 'ru'],
      ['ru_RU', 'ru'],
      ['en;q=0.5, ru;q=0.6', 'ru'],
      ['ru;q=0, en', 'en'],
      ['run, en', 'en'],
      [';;;,,,q=', 'en'],
      ['ru;q=x', 'en'],
    ] as const)
      assert.equal(languageFor(preference), language, preference)
  })

  test('of a letter is that of the account, not of the one who asks for another', async () => {
    await using service = await startTestService('PGlite')
    const email = newAddress()
    const json = { email, password: PASSWORD, locale: 'ru' }
    await send(`${service.url}/v1/accounts`, { json, headers: { 'accept-language': 'en' } })
    await lettersTo(service, email)
    await send(`${service.url}/v1/confirmation-letters`, { json: { email }, headers: { 'accept-language': 'en' } })
    for (const { subject } of await lettersTo(service, email, 2)) assert.match(subject, /Подтвердите/)
  })
})
