import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { confirmedAtOnce, letterTokenOf, startUnlimitedService } from '../support/genuine-secrets.ts'
import {
  type Answer,
  exchange,
  newAddress,
  PASSWORD,
  send,
  signIn,
  signUp,
  type TestService,
} from '../support/service.ts'
import { faultOf } from './input/answer-judge.ts'
import { operations } from './input/malformed-requests.ts'

/** What may be kept by whoever passes it on: it is the same for everybody. */
const PUBLIC = [
  '/docs',
  '/openapi.json',
  '/.well-known/jwks.json',
  '/.well-known/oauth-authorization-server',
  '/assets/style.css',
  '/assets/confirm.js',
]

for (const publicUrl of ['http://localhost:8080', 'https://auth.example'])
  describe(`every answer of ${publicUrl}`, () => {
    let service: TestService
    const answers: { name: string; path: string; answer: Answer }[] = []
    before(async () => {
      const smtp = publicUrl.startsWith('https') ? { AUTH_SMTP_URL: 'smtp://127.0.0.1:1' } : undefined
      service = await startUnlimitedService('PGlite', { env: { AUTH_PUBLIC_URL: publicUrl, ...smtp } })
      await everyRoute()
      await everySuccess()
    })
    after(() => service[Symbol.asyncDispose]())

    async function ask(path: string, init: Parameters<typeof send>[1] = {}): Promise<Answer> {
      const headers = { host: new URL(publicUrl).host, origin: publicUrl, ...(init.headers as object) }
      const answer = await send(service.url + path, { ...init, headers })
      answers.push({
        name: `${init.method ?? (init.json || init.form ? 'POST' : 'GET')} ${path.slice(0, 40)}: ${answer.status}`,
        path: path.split('?')[0]!,
        answer,
      })
      return answer
    }

    async function everyRoute() {
      const { described, pages } = operations()
      for (const { method, path, type } of [...described, ...pages]) {
        const body =
          method === 'POST' ? { body: Buffer.from('{'), headers: { 'content-type': type ?? 'application/json' } } : {}
        await ask(path, { method, ...body })
        await ask(path, { method: 'DELETE' })
        await ask(path, { method: 'OPTIONS' })
        await ask(`${path}/%ff`)
        if (method === 'POST') await ask(path, { method, body: 'x', headers: { 'content-type': 'text/plain' } })
        if (method === 'POST')
          await ask(path, {
            method,
            body: Buffer.alloc(70_000, 'x'),
            headers: { 'content-type': type ?? 'text/plain' },
          })
      }
      for (const path of [
        '/nowhere',
        '/v1/nowhere',
        '/oauth2/nowhere',
        '/.well-known/nowhere',
        '/assets/nowhere',
        '/assets/confirm.js',
      ])
        await ask(path)
    }

    async function everySuccess() {
      const account = await confirmedAtOnce(service)
      const pending = await signUp(service)
      const token = await letterTokenOf(service, pending.id)
      const { email, password } = account
      await ask('/v1/accounts', { json: { email: newAddress(), password: PASSWORD } })
      await ask('/v1/sessions', { json: { email, password } })
      const { body } = await exchange(service, await signIn(service, account))
      await ask('/oauth2/token', { form: { grant_type: 'refresh_token', refresh_token: body.refresh_token } })
      await ask('/v1/account', { headers: { authorization: `Bearer ${body.access_token}` } })
      await ask('/v1/confirmation', { headers: { authorization: `Bearer ${pending.ticket}` } })
      await ask(`/confirm?token=${token}`)
      await ask('/confirm?token=x')
      await ask('/v1/confirmations', { json: { token, password: 'wrong password' } })
      await ask('/confirm', { form: { token, password: 'wrong password' } })
      await ask('/v1/confirmations', { json: { token, ticket: pending.ticket } })
      await ask(`/confirm?token=${token}`)
      const signedIn = await ask('/sign-in', { form: { email, password } })
      const cookie = signedIn.headers
        .getSetCookie()
        .map(each => each.split(';')[0])
        .join('; ')
      await ask('/account', { headers: { cookie } })
      await ask('/sign-up', { form: { email: newAddress(), password: PASSWORD } })
      await ask('/sign-out', { form: {}, headers: { cookie } })
      await ask('/oauth2/revoke', { form: { token: body.refresh_token } })
    }

    const each = (check: (headers: Headers, path: string, answer: Answer) => boolean) => {
      assert.ok(answers.length > 100)
      assert.deepEqual(
        answers.filter(({ answer, path }) => !check(answer.headers, path, answer)).map(({ name }) => name),
        [],
      )
    }

    test('[R75] bears an id and says nosniff, no framing, and where scripts may come from', () => {
      each(headers => /^[0-9a-f-]{36}$/.test(headers.get('x-request-id') ?? ''))
      each(headers => headers.get('x-content-type-options') === 'nosniff')
      each(headers => ['DENY', 'SAMEORIGIN'].includes(headers.get('x-frame-options') ?? ''))
      each(headers => /frame-ancestors '(none|self)'/.test(headers.get('content-security-policy') ?? ''))
      each(headers => /default-src 'none'/.test(headers.get('content-security-policy') ?? ''))
      each(headers => headers.get('server') === null && headers.get('x-powered-by') === null)
    })

    test('[R75] is kept by nobody, what is the same for everybody apart', () => {
      each((headers, path) => PUBLIC.includes(path) || headers.get('cache-control') === 'no-store')
      each(
        (headers, _path, { text }) => !/authsvc_.._k1|"eyJ/.test(text) || headers.get('cache-control') === 'no-store',
      )
      each(
        (headers, path) =>
          path !== '/oauth2/token' ||
          !headers.get('content-type')?.startsWith('application/json') ||
          headers.get('pragma') === 'no-cache',
      )
    })

    test('[R75] tells no other site where its reader came from, and the page of a link nobody', () => {
      each(headers => ['no-referrer', 'same-origin'].includes(headers.get('referrer-policy') ?? ''))
      const links = answers.filter(({ name }) => name.includes('/confirm?token='))
      assert.equal(links.length, 3)
      for (const { answer } of links) assert.equal(answer.headers.get('referrer-policy'), 'no-referrer')
    })

    test('[R75] asks for https where the service has it, and loads nothing from elsewhere', () => {
      const expected = publicUrl.startsWith('https') ? 'max-age=31536000' : null
      each(headers => headers.get('strict-transport-security') === expected)
      each(
        (headers, path, { text }) =>
          path === '/docs' ||
          !headers.get('content-type')?.startsWith('text/html') ||
          !/(src|href)="(https?:)?\/\//.test(text),
      )
    })

    test('[R72] that refuses is a problem document, an OAuth error or a page, without internals', () => {
      const refusals = answers.filter(({ answer }) => answer.status >= 400)
      assert.ok(refusals.length > 50)
      for (const { name, answer } of refusals) {
        const { status, headers, text } = answer
        const fault = faultOf(
          { status, headers: Object.fromEntries(headers), body: Buffer.from(text).toString('latin1') },
          'GET',
        )
        assert.equal(fault, undefined, name)
      }
    })
  })
