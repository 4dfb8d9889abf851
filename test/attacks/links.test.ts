import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { DATABASES } from '../support/database.ts'
import { letterTokenOf, startUnlimitedService } from '../support/genuine-secrets.ts'
import { rawRequest, sendRaw } from '../support/raw-http.ts'
import { lettersTo, newAddress, PASSWORD, send, signUp, type TestService } from '../support/service.ts'
import { rowsByTable } from './secrets/canaries.ts'

const EVIL = 'evil.example'

// Family: links, redirects, hosts, and the scanners that open whatever they find.
for (const kind of DATABASES)
  describe(`the link of a letter on ${kind}`, () => {
    let service: TestService
    before(async () => {
      service = await startUnlimitedService(kind, { env: { AUTH_TRUST_PROXY: '127.0.0.1,::1' } })
    })
    after(() => service[Symbol.asyncDispose]())

    test('[R05] #368, #1214 (GoTrue): GET, HEAD and OPTIONS on a link change nothing, and it still confirms afterwards', async () => {
      const account = await signUp(service)
      await lettersTo(service, account.email)
      const token = await letterTokenOf(service, account.id)
      const state = async () => {
        const rows = await rowsByTable(service.service.database)
        return [...rows].filter(([name]) => name.startsWith('public.'))
      }
      const before = await state()
      const agents = ['Mozilla/5.0', 'GoogleImageProxy', 'Slackbot', 'facebookexternalhit', 'curl']
      for (let index = 0; index < 50; index++) {
        const method = ['GET', 'HEAD', 'OPTIONS', 'GET', 'PROPFIND'][index % 5]!
        const path = ['/confirm', '/v1/confirmations', '/v1/confirmation'][index % 3]!
        const headers = { 'user-agent': agents[index % 5]!, purpose: 'prefetch', 'sec-purpose': 'prefetch' }
        const { status } = await send(`${service.url}${path}?token=${token}`, { method, headers })
        assert.ok(status < 500)
      }
      assert.deepEqual(await state(), before)
      const { status } = await send(`${service.url}/v1/confirmations`, { json: { token, ticket: account.ticket } })
      assert.equal(status, 200)
    })

    test('[R12] GHSA-2wmj-46rj-qm2w, CVE-2025-64101 (Zitadel): no header of a request gets into a link', async () => {
      const variants: Record<string, string>[] = [
        { host: EVIL },
        { host: `${EVIL}:443` },
        { host: `localhost.${EVIL}` },
        { host: `user@${EVIL}` },
        { 'x-forwarded-host': EVIL },
        { 'x-forwarded-host': `${EVIL}, localhost`, 'x-forwarded-proto': 'https' },
        { 'x-forwarded-server': EVIL, 'x-forwarded-port': '443', 'x-forwarded-prefix': `//${EVIL}` },
        { forwarded: `for=1.2.3.4;host=${EVIL};proto=https` },
        { 'x-host': EVIL, 'x-original-host': EVIL, 'x-rewrite-url': `http://${EVIL}/`, 'x-original-url': `//${EVIL}` },
        { 'x-http-host-override': EVIL, 'x-forwarded-scheme': 'https', 'front-end-https': 'on' },
        { origin: `https://${EVIL}`, referer: `https://${EVIL}/` },
        { 'x-forwarded-for': EVIL, 'x-real-ip': EVIL, 'cf-connecting-ip': EVIL, via: `1.1 ${EVIL}` },
        { 'x-wap-profile': `http://${EVIL}/`, 'content-location': `http://${EVIL}/`, 'base-url': `http://${EVIL}/` },
      ]
      const origins = new Set<string>()
      for (const headers of variants)
        for (const target of ['/v1/accounts', `http://${EVIL}/v1/accounts`]) {
          const email = newAddress()
          const body = JSON.stringify({ email, password: PASSWORD })
          const bytes = rawRequest('POST', target, { 'content-type': 'application/json', ...headers }, body)
          const { answers } = await sendRaw(service.service.port, bytes, { patience: 20_000 })
          assert.equal(answers[0]?.status, 201, JSON.stringify(headers))
          const [letter] = await lettersTo(service, email)
          for (const link of letter!.links) origins.add(new URL(link).origin)
          assert.ok(!letter!.text.includes(EVIL) && !letter!.html.includes(EVIL))
        }
      assert.deepEqual([...origins], [service.url])
    })
  })

const REDIRECTS = [
  `//${EVIL}`,
  `///${EVIL}`,
  `/\\${EVIL}`,
  `\\\\${EVIL}`,
  `https:${EVIL}`,
  `https://${EVIL}`,
  `https://localhost@${EVIL}`,
  `https://localhost.${EVIL}`,
  `javascript:alert(1)`,
  `data:text/html,x`,
  `\u0009//${EVIL}`,
  `/%09/${EVIL}`,
  `/%2f%2f${EVIL}`,
  `.${EVIL}`,
  `@${EVIL}`,
  `%0d%0alocation:%20https://${EVIL}`,
]
const PARAMETERS = [
  'callbackURL',
  'redirect',
  'redirect_uri',
  'redirect_to',
  'next',
  'returnTo',
  'continue',
  'url',
  'token',
  'email',
]

describe('a redirect', () => {
  test('[R13] CVE-2024-56734, CVE-2025-27143, CVE-2025-71403 (better-auth): leads to this service or its application, whatever the request says', async () => {
    await using service = await startUnlimitedService('PGlite', { env: { AUTH_APP_URL: 'https://app.example/start' } })
    const allowed = new Set([service.url, 'https://app.example'])
    const form = { email: newAddress(), password: PASSWORD }
    let redirects = 0
    for (const target of REDIRECTS)
      for (const path of ['/confirm', '/sign-in', '/account', '/sign-out', '/confirm/letter', '/']) {
        const query = new URLSearchParams(PARAMETERS.map(name => [name, target]))
        const headers = { origin: service.url, referer: target.replace(/[^\x21-\x7e]/g, '') }
        const answers = [
          await send(`${service.url}${path}?${query}`, { headers }),
          await send(`${service.url.replace('localhost', '127.0.0.1')}${path}?${query}`, { headers }),
          ...(path === '/sign-in'
            ? []
            : [await send(`${service.url}${path}?${query}`, { form: { next: target, redirect: target }, headers })]),
        ]
        for (const { headers } of answers) {
          const location = headers.get('location')
          if (location === null) continue
          redirects += 1
          assert.ok(allowed.has(new URL(location, service.url).origin), `${path} with ${target} leads to ${location}`)
        }
      }
    assert.ok(redirects > 50)
    assert.equal(
      (await send(`${service.url}/sign-up`, { form, headers: { origin: service.url } })).headers.get('location'),
      '/confirm',
    )
  })

  test('[R13] to the public origin is to nothing else, whatever the target of the request looks like', async () => {
    await using service = await startUnlimitedService('PGlite', { env: { AUTH_PUBLIC_URL: 'http://localhost' } })
    for (const target of [
      `http://${EVIL}/sign-in`,
      `http://@${EVIL}/sign-in`,
      `http://x:y@${EVIL}:80/sign-in`,
      `https://${EVIL}/`,
      `//${EVIL}/..//sign-in`,
      `/sign-in?//${EVIL}`,
    ]) {
      const { answers } = await sendRaw(service.service.port, rawRequest('GET', target, { host: '127.0.0.1' }))
      const location = answers[0]?.headers.location
      if (location !== undefined)
        assert.equal(new URL(location).origin, 'http://localhost', `${target} leads to ${location}`)
    }
  })

  test('[R76] no page but that of the link has a secret in its address, and the page of the link takes it away', async () => {
    await using service = await startUnlimitedService('PGlite')
    const account = await signUp(service)
    const token = await letterTokenOf(service, account.id)
    const page = await send(`${service.url}/confirm?token=${token}`)
    assert.match(page.text, /<script src="\/assets\/confirm\.js" defer>/)
    assert.match(
      (await send(`${service.url}/assets/confirm.js`)).text,
      /history\.replaceState\(null, '', location\.pathname\)/,
    )
    for (const [, url] of page.text.matchAll(/(?:href|src|action)="([^"]*)"/g))
      assert.ok(!url!.includes('authsvc'), url)
    const { headers } = await send(`${service.url}/sign-up`, {
      form: { email: newAddress(), password: PASSWORD },
      headers: { origin: service.url },
    })
    assert.equal(headers.get('location'), '/confirm')
  })
})
