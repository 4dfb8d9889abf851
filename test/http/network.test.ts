import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { languageFor } from '../../src/http/language.ts'
import { networkOf } from '../../src/http/network.ts'
import { lettersTo, newAddress, PASSWORD, send, startTestService } from '../support/service.ts'

describe('where a request comes from', () => {
  test('is an IPv4 address as it is, also in IPv6 clothes', () => {
    assert.equal(networkOf('192.0.2.7'), '192.0.2.7')
    assert.equal(networkOf('::ffff:192.0.2.7'), '192.0.2.7')
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

  const ipOf = async (env: Record<string, string>, forwarded: string) => {
    await using service = await startTestService('PGlite', { env })
    await send(`${service.url}/livez`, { headers: { 'x-forwarded-for': forwarded } })
    return /"path":"\/livez".*?"ip":"([^"]+)"/.exec(service.log())?.[1]
  }

  test('is the rightmost address that no trusted proxy has, and forwarding headers count for nothing else', async () => {
    const proxies = { AUTH_TRUST_PROXY: '127.0.0.0/8,::1,10.0.0.0/8' }
    assert.equal(await ipOf(proxies, '198.51.100.1, 192.0.2.7, 10.1.2.3'), '192.0.2.7')
    assert.match((await ipOf({}, '192.0.2.7'))!, /^(::ffff:)?127\.0\.0\.1$|^::1$/)
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
