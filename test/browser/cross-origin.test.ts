import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { openBrowser, type TestBrowser } from '../support/browser.ts'
import { lettersTo, newAddress, PASSWORD, startTestService, type TestService, tokenIn } from '../support/service.ts'

/** A web server of somebody else's application. */
async function openApplication() {
  const server = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>An application</title>'),
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { origin, close: () => new Promise(resolve => server.close(resolve)) }
}

type Call = { method?: string; headers?: Record<string, string>; body?: string; credentials?: 'include' }

describe('a single-page application', () => {
  let service: TestService
  let chromium: TestBrowser
  let allowed: Awaited<ReturnType<typeof openApplication>>
  let other: Awaited<ReturnType<typeof openApplication>>
  before(async () => {
    allowed = await openApplication()
    other = await openApplication()
    service = await startTestService('PGlite', {
      env: { AUTH_ALLOWED_ORIGINS: `https://app.example, ${allowed.origin}` },
    })
    chromium = await openBrowser()
  })
  after(async () => {
    await chromium?.close()
    await service?.[Symbol.asyncDispose]()
    await allowed.close()
    await other.close()
  })

  async function application(origin: string) {
    const page = await chromium.browser.newPage()
    await page.goto(origin)
    /** What the application's own script gets: an answer, or nothing where the browser keeps it back. */
    const call = (path: string, init: Call) =>
      page.evaluate(
        async ([url, options]) => {
          try {
            const response = await fetch(url, options)
            const requestId = response.headers.get('x-request-id')
            return { status: response.status, requestId, body: await response.json() }
          } catch {
            return undefined
          }
        },
        [service.url + path, init] as const,
      )
    const postJson = (path: string, json: object) =>
      call(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(json) })
    const postForm = (path: string, form: Record<string, string>) =>
      call(path, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams(form).toString(),
      })
    return { page, call, postJson, postForm }
  }

  test('on an allowed origin runs the whole flow', async () => {
    const { page, call, postJson, postForm } = await application(allowed.origin)
    const email = newAddress()
    const created = await postJson('/v1/accounts', { email, password: PASSWORD })
    assert.equal(created?.status, 201)
    assert.match(created?.requestId ?? '', /^[0-9a-f-]{36}$/, 'x-request-id is exposed')
    const { ticket } = created!.body.confirmation
    const token = tokenIn((await lettersTo(service, email))[0]!)
    const status = await call('/v1/confirmation', { headers: { authorization: `Bearer ${ticket}` } })
    assert.equal(status?.body.state, 'sent')
    assert.equal((await postJson('/v1/confirmations', { token, ticket }))?.status, 200)
    const session = await postJson('/v1/sessions', { email, password: PASSWORD })
    const form = { grant_type: 'refresh_token', refresh_token: session!.body.refresh_token }
    const tokens = await postForm('/oauth2/token', form)
    assert.equal(tokens?.status, 200)
    const headers = { authorization: `Bearer ${tokens!.body.access_token}` }
    assert.equal((await call('/v1/account', { headers }))?.body.email, email)
    assert.equal((await postForm('/oauth2/revoke', { token: tokens!.body.refresh_token }))?.status, 200)
    assert.equal(
      (await call('/v1/account', { headers }))?.body.code,
      'invalid_access_token',
      'it can read refusals too',
    )
    await page.close()
  })

  test('on another origin gets no answer [R54]', async () => {
    const { page, call, postJson, postForm } = await application(other.origin)
    assert.equal(await postJson('/v1/accounts', { email: newAddress(), password: PASSWORD }), undefined)
    assert.equal(await postForm('/oauth2/token', { grant_type: 'refresh_token', refresh_token: 'x' }), undefined)
    assert.equal(await call('/v1/confirmation', {}), undefined)
    await page.close()
  })

  test('on any origin reads the keys and the metadata', async () => {
    const { page, call } = await application(other.origin)
    for (const path of ['/.well-known/jwks.json', '/.well-known/oauth-authorization-server'])
      assert.equal((await call(path, {}))?.status, 200, path)
    await page.close()
  })

  test('with credentials gets no answer, wherever it is [R54]', async () => {
    const { page, call } = await application(allowed.origin)
    assert.equal(await call('/v1/confirmation', { credentials: 'include' }), undefined)
    await page.close()
  })

  test('on an origin that only looks like an allowed one gets no answer [R54]', async () => {
    const hostile = [
      'null',
      `${allowed.origin}.evil.example`,
      'https://evil.app.example',
      'https://app.example:444',
      'http://app.example',
    ]
    for (const origin of hostile) {
      const { headers } = await fetch(`${service.url}/v1/confirmation`, { headers: { origin } })
      assert.equal(headers.get('access-control-allow-origin'), null, origin)
      assert.equal(headers.get('access-control-allow-credentials'), null)
    }
  })
})
