import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startUnlimitedService } from '../support/genuine-secrets.ts'
import { rawRequest, sendRaw } from '../support/raw-http.ts'
import { newAddress, PASSWORD, send, type TestService } from '../support/service.ts'

const ALLOWED = 'https://app.example'
/** Origins that are not the allowed one, or look like it. */
const HOSTILE = [
  'null',
  'https://evil.example',
  'http://app.example',
  'https://app.example.evil.example',
  'https://evilapp.example',
  'https://app-example.evil.example',
  'https://app.example:444',
  'https://app.example:0',
  'https://sub.app.example',
  'https://app.example.',
  'https://app.example/',
  'https://app.example/path',
  'https://app.example?x',
  'https://app.example#x',
  'https://user@app.example',
  'https://app.example@evil.example',
  'https://APP.example',
  'HTTPS://app.example',
  'https://app.example, https://evil.example',
  'https://app.example https://evil.example',
  'https://app.exampl\u0065%2eevil.example',
  'https://app.example%60.evil.example',
  'https://app_example',
  'https://appxexample',
  'https://app.example\\@evil.example',
  'file://',
  'chrome-extension://app.example',
  'https://[::1]',
  'http://127.0.0.1',
  'https://xn--app-example',
  '*',
  '',
]

describe('another site', () => {
  let service: TestService
  before(async () => {
    service = await startUnlimitedService('PGlite', { env: { AUTH_ALLOWED_ORIGINS: ALLOWED } })
  })
  after(() => service[Symbol.asyncDispose]())

  test('[R54] of a hostile origin is allowed nothing, and no origin is ever reflected or met with credentials', async () => {
    assert.ok(HOSTILE.length >= 30)
    for (const origin of HOSTILE)
      for (const [method, path] of [
        ['OPTIONS', '/v1/sessions'],
        ['OPTIONS', '/oauth2/token'],
        ['POST', '/v1/sessions'],
        ['POST', '/oauth2/token'],
        ['GET', '/v1/account'],
        ['GET', '/account'],
        ['GET', '/docs'],
        ['OPTIONS', '/sign-in'],
      ] as const) {
        const asked = {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'content-type',
        }
        const { answers } = await sendRaw(service.service.port, rawRequest(method, path, asked))
        const { headers } = answers[0]!
        assert.notEqual(headers['access-control-allow-origin'], '*', path)
        assert.ok(headers['access-control-allow-origin'] === undefined, `${method} ${path} for ${origin}`)
        assert.equal(headers['access-control-allow-credentials'], undefined)
      }
  })

  test('[R54] of the allowed origin is allowed the interface, without credentials, and not the pages', async () => {
    const asked = { origin: ALLOWED, 'access-control-request-method': 'POST' }
    const allowed = await send(`${service.url}/v1/sessions`, { method: 'OPTIONS', headers: asked })
    assert.equal(allowed.headers.get('access-control-allow-origin'), ALLOWED)
    assert.equal(allowed.headers.get('access-control-allow-credentials'), null)
    assert.match(allowed.headers.get('vary') ?? '', /origin/i)
    for (const path of ['/sign-in', '/account', '/docs', '/mailbox', '/readyz'])
      assert.equal(
        (await send(service.url + path, { headers: asked })).headers.get('access-control-allow-origin'),
        null,
      )
  })

  test('[R54] any origin reads the keys and the metadata, without credentials', async () => {
    for (const path of ['/.well-known/jwks.json', '/.well-known/oauth-authorization-server']) {
      const { headers } = await send(service.url + path, { headers: { origin: 'https://evil.example' } })
      assert.equal(headers.get('access-control-allow-origin'), '*')
      assert.equal(headers.get('access-control-allow-credentials'), null)
    }
  })

  test('[R53] CVE-2023-34927 (Casdoor): posts a form to no page, however it says where it comes from', async () => {
    const form = { email: newAddress(), password: PASSWORD }
    const own = service.url
    const sites: Record<string, string>[] = [
      {},
      { origin: 'null' },
      { origin: 'https://evil.example' },
      { origin: `${own}.evil.example` },
      { origin: `${own}/` },
      { origin: own.toUpperCase() },
      { origin: own.replace('http:', 'https:') },
      { origin: ALLOWED },
      { referer: `${own}/sign-up` },
      { host: 'evil.example', origin: 'http://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'none' },
      { 'sec-fetch-site': '' },
      { 'sec-fetch-site': 'cross-site', origin: own },
      { 'sec-fetch-site': 'same-origin, cross-site' },
    ]
    const body = new URLSearchParams(form).toString()
    for (const path of ['/sign-up', '/sign-in', '/sign-out', '/confirm', '/confirm/letter'])
      for (const site of sites) {
        const headers = { 'content-type': 'application/x-www-form-urlencoded', ...site }
        const { answers } = await sendRaw(service.service.port, rawRequest('POST', path, headers, body))
        assert.equal(answers[0]!.status, 403, `${path} from ${JSON.stringify(site)}`)
        assert.equal(answers[0]!.headers['set-cookie'], undefined)
      }
  })

  test('[R53] posts nothing to the interface as a form or as plain text, which need no leave of a browser', async () => {
    const json = JSON.stringify({ email: newAddress(), password: PASSWORD })
    for (const path of ['/v1/accounts', '/v1/sessions', '/v1/confirmations', '/v1/confirmation-letters'])
      for (const type of [
        'text/plain',
        'text/plain; x=application/json',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x',
      ]) {
        const { status } = await send(service.url + path, {
          method: 'POST',
          body: json,
          headers: { 'content-type': type },
        })
        assert.equal(status, 415, `${path} as ${type}`)
      }
  })

  test('[R53] changes nothing by GET, and no method is overridden', async () => {
    for (const path of [
      '/v1/accounts',
      '/v1/sessions',
      '/oauth2/token',
      '/oauth2/revoke',
      '/sign-out',
      '/confirm/letter',
    ])
      for (const headers of [{}, { 'x-http-method-override': 'POST' }, { 'x-method-override': 'POST' }]) {
        const { status, headers: answered } = await send(
          `${service.url}${path}?_method=POST&email=${newAddress()}&password=x`,
          { headers },
        )
        assert.ok([404, 405].includes(status), `${path}: ${status}`)
        assert.deepEqual(answered.getSetCookie(), [])
      }
  })

  test('[R53] [R52] the interface neither sets nor reads cookies', async () => {
    const email = newAddress()
    const { headers, body } = await send(`${service.url}/v1/accounts`, { json: { email, password: PASSWORD } })
    assert.deepEqual(headers.getSetCookie(), [])
    const cookie = `auth_ticket=${body.confirmation.ticket}; auth_access_token=x; auth_refresh_token=x`
    assert.equal((await send(`${service.url}/v1/confirmation`, { headers: { cookie } })).status, 401)
    assert.equal((await send(`${service.url}/v1/account`, { headers: { cookie } })).status, 401)
  })
})
