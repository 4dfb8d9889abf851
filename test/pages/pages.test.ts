import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { shiftClock } from '../support/database.ts'
import { sendRaw } from '../support/raw-http.ts'
import {
  confirmedAccount,
  exchange,
  lettersTo,
  newAddress,
  PASSWORD,
  type SignedUp,
  send,
  signUp,
  startTestService,
  type TestService,
  tokenIn,
} from '../support/service.ts'
import { settled } from '../support/settled.ts'

/** The cookies of an answer, as a browser would send them back. */
const cookiesOf = ({ headers }: { headers: Headers }): Record<string, string> =>
  Object.fromEntries(headers.getSetCookie().map(cookie => cookie.split(';')[0]!.split('=') as [string, string]))

describe('the pages', () => {
  let service: TestService
  before(async () => {
    service = await startTestService('PGlite')
  })
  after(() => service[Symbol.asyncDispose]())

  const open = (path: string, cookies: Record<string, string> = {}) =>
    send(service.url + path, { headers: { cookie: headerOf(cookies) } })
  const post = (path: string, form: Record<string, string>, cookies: Record<string, string> = {}) =>
    send(service.url + path, { form, headers: { origin: service.url, cookie: headerOf(cookies) } })
  const headerOf = (cookies: Record<string, string>) =>
    Object.entries(cookies)
      .map(([name, value]) => `${name}=${value}`)
      .join('; ')

  async function signUpOnPage() {
    const email = newAddress()
    const answer = await post('/sign-up', { email, password: PASSWORD })
    assert.equal(answer.status, 303)
    const token = tokenIn((await lettersTo(service, email))[0]!)
    return { email, cookies: cookiesOf(answer), token }
  }

  const canSignIn = async (email: string, password = PASSWORD) =>
    (await send(`${service.url}/v1/sessions`, { json: { email, password } })).status === 201

  test('the browser that signed up confirms with one click', async () => {
    const { email, cookies, token } = await signUpOnPage()
    const page = await open(`/confirm?token=${token}`, cookies)
    assert.match(page.text, new RegExp(email))
    assert.ok(!page.text.includes('type="password"'))
    assert.equal((await post('/confirm', { token }, cookies)).status, 200)
    assert.equal(await canSignIn(email), true)
  })

  test('[R77] a cookie is read as it was sent: escapes, which cost much when they are none, are not decoded', async () => {
    const { cookies, token } = await signUpOnPage()
    const escaped = { auth_ticket: cookies.auth_ticket!.replace('_', '%5F') }
    assert.match((await open(`/confirm?token=${token}`, escaped)).text, /type="password"/)
    assert.ok(!(await open(`/confirm?token=${token}`, cookies)).text.includes('type="password"'))
  })

  test('any other browser is asked for the password [R07]', async () => {
    const { email, token } = await signUpOnPage()
    assert.match((await open(`/confirm?token=${token}`)).text, /type="password"/)
    const without = await post('/confirm', { token })
    assert.deepEqual([without.status, await canSignIn(email)], [403, false])
    const wrong = await post('/confirm', { token, password: 'not the password' })
    assert.deepEqual([wrong.status, await canSignIn(email)], [403, false])
    assert.match(wrong.text, /role="alert"/)
    assert.equal((await post('/confirm', { token, password: PASSWORD })).status, 200)
    assert.equal(await canSignIn(email), true)
  })

  test('an hour after the sign-up its browser is asked for the password too, and the API still takes the ticket [R07]', async () => {
    const { database } = service.service
    const { email, cookies, token } = await signUpOnPage()
    const { cookies: others, token: othersToken } = await signUpOnPage()
    await settled(service)
    try {
      await shiftClock(database, 3_590)
      assert.ok(!(await open(`/confirm?token=${token}`, cookies)).text.includes('type="password"'))
      await shiftClock(database, 3_660)
      const page = await open(`/confirm?token=${token}`, cookies)
      assert.match(page.text, /type="password"/)
      assert.match(page.text, /more than an hour ago/)
      assert.equal((await post('/confirm', { token }, cookies)).status, 403)
      assert.equal(await canSignIn(email), false)
      assert.equal((await post('/confirm', { token, password: PASSWORD }, cookies)).status, 200)
      const byTicket = { token: othersToken, ticket: others.auth_ticket }
      assert.equal((await send(`${service.url}/v1/confirmations`, { json: byTicket })).status, 200)
    } finally {
      await shiftClock(database, 0)
    }
  })

  test('the confirmation page shows whose sign-up it is and when it was made', async () => {
    const { email, cookies, token } = await signUpOnPage()
    const today = new Intl.DateTimeFormat('en', { dateStyle: 'long', timeZone: 'UTC' }).format(new Date())
    for (const browser of [cookies, {}]) {
      const { text } = await open(`/confirm?token=${token}`, browser)
      assert.match(text, new RegExp(`sign-up of <strong>${email}</strong> on ${today}`))
    }
  })

  test('the cookie of another sign-up is no proof', async () => {
    const { token } = await signUpOnPage()
    const { cookies } = await signUpOnPage()
    assert.match((await open(`/confirm?token=${token}`, cookies)).text, /type="password"/)
    assert.equal((await post('/confirm', { token }, cookies)).status, 403)
  })

  test('opening a link changes nothing, however often, whichever the method [R05]', async () => {
    const { email, cookies, token } = await signUpOnPage()
    for (let count = 0; count < 5; count++)
      for (const method of ['GET', 'HEAD', 'OPTIONS'])
        await send(`${service.url}/confirm?token=${token}`, { method, headers: { cookie: headerOf(cookies) } })
    assert.equal(await canSignIn(email), false)
    assert.equal((await post('/confirm', { token }, cookies)).status, 200)
  })

  test('the confirmation page sends no referrer, loads nothing from elsewhere and cannot be framed [R75, R76]', async () => {
    const { token } = await signUpOnPage()
    const { headers, text } = await open(`/confirm?token=${token}`)
    assert.equal(headers.get('referrer-policy'), 'no-referrer')
    assert.equal(headers.get('cache-control'), 'no-store')
    assert.match(headers.get('content-security-policy')!, /default-src 'none'.*frame-ancestors 'none'/)
    assert.ok(
      ![...text.matchAll(/(?:src|href|action)="([^"]*)"/g)].some(([, url]) => /^(https?:)?\/\//.test(url!)),
      text,
    )
  })

  test('a garbled or missing token is told kindly', async () => {
    for (const token of ['x', 'authsvc_lt_k1.', '%00']) {
      const page = await open(`/confirm?token=${token}`)
      assert.equal(page.status, 404)
      assert.match(page.text, /This link is not known/)
    }
    assert.match((await open('/confirm')).text, /Ask for another letter/)
    assert.equal((await open('/confirm?token=a&token=b')).status, 200)
  })

  test('what a person types comes back escaped', async () => {
    const answer = await post('/sign-up', { email: '"><script>alert(1)</script>@x', password: 'short' })
    assert.equal(answer.status, 422)
    assert.ok(!answer.text.includes('<script>alert'))
    assert.match(answer.text, /&quot;&gt;&lt;script&gt;/)
  })

  test('each fault of a form is told with the form, and the address is kept', async () => {
    const { status, text } = await post('/sign-up', { email: 'ann@example.com', password: 'short' })
    assert.equal(status, 422)
    assert.match(text, /too short/)
    assert.match(text, /value="ann@example\.com"/)
    const signIn = await post('/sign-in', { email: 'ann@example.com', password: 'wrong password' })
    assert.equal(signIn.status, 401)
    assert.match(signIn.text, /value="ann@example\.com"/)
  })

  test('forms from other sites are refused, and nothing is done [R53]', async () => {
    const account = await confirmedAccount(service)
    const form = { email: account.email, password: PASSWORD }
    const headers: Record<string, string>[] = [
      { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
      { 'sec-fetch-site': 'same-site', origin: 'http://evil.localhost' },
      { 'sec-fetch-site': 'none' },
      { 'sec-fetch-site': 'cross-site', origin: service.url },
      { origin: 'https://evil.example' },
      { origin: `${service.url}.evil.example` },
      { origin: 'null' },
      {},
    ]
    for (const path of ['/sign-up', '/sign-in', '/sign-out', '/confirm', '/confirm/letter'])
      for (const each of headers) {
        const answer = await send(service.url + path, { form, headers: each })
        assert.equal(answer.status, 403, `${path} ${JSON.stringify(each)}`)
        assert.equal(answer.headers.get('set-cookie'), null)
      }
    assert.equal(
      (await send(`${service.url}/sign-in`, { form, headers: { 'sec-fetch-site': 'same-origin' } })).status,
      303,
    )
  })

  test('cookies cannot be read by scripts and are not sent along by other sites’ forms [R52]', async () => {
    const { headers } = await post('/sign-up', { email: newAddress(), password: PASSWORD })
    for (const cookie of headers.getSetCookie()) assert.match(cookie, /; Path=\/; HttpOnly; SameSite=Lax$/)
  })

  test('on https cookies bear __Host- and Secure [R52]', async () => {
    await using https = await startTestService('PGlite', {
      env: { AUTH_PUBLIC_URL: 'https://auth.example', AUTH_MAILBOX: 'on' },
    })
    const { headers } = await send(`${https.url}/sign-up`, {
      form: { email: newAddress(), password: PASSWORD },
      headers: { origin: 'https://auth.example' },
    })
    assert.equal(headers.get('strict-transport-security'), 'max-age=31536000')
    assert.match(
      headers.getSetCookie()[0]!,
      /^__Host-auth_ticket=authsvc_ct_.*; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    )
  })

  test('the signed-in browser uses its refresh token only when the access token has run out', async () => {
    const account = await confirmedAccount(service)
    const signedIn = cookiesOf(await post('/sign-in', { ...formOf(account) }))
    assert.deepEqual(Object.keys(signedIn).sort(), ['auth_access_token', 'auth_device_token', 'auth_refresh_token'])
    const first = await open('/account', { auth_refresh_token: signedIn.auth_refresh_token! })
    assert.match(first.text, new RegExp(account.email))
    const both = cookiesOf(first)
    const second = await open('/account', both)
    assert.match(second.text, new RegExp(account.email))
    assert.deepEqual(second.headers.getSetCookie(), [], 'the access token was enough')
    const third = await open('/account', { auth_refresh_token: both.auth_refresh_token! })
    assert.notEqual(cookiesOf(third).auth_refresh_token, both.auth_refresh_token)
  })

  test('two tabs whose access token has run out both go on', async () => {
    const account = await confirmedAccount(service)
    const { auth_refresh_token } = cookiesOf(await post('/sign-in', formOf(account)))
    const tabs = await Promise.all([1, 2].map(() => open('/account', { auth_refresh_token: auth_refresh_token! })))
    assert.deepEqual(
      tabs.map(({ status }) => status),
      [200, 200],
    )
    assert.equal(new Set(tabs.map(tab => cookiesOf(tab).auth_refresh_token)).size, 1)
  })

  test('signing out ends the session and leads away', async () => {
    const account = await confirmedAccount(service)
    const cookies = cookiesOf(await open('/account', cookiesOf(await post('/sign-in', formOf(account)))))
    const out = await post('/sign-out', {}, cookies)
    assert.deepEqual([out.status, out.headers.get('location')], [303, '/'])
    assert.deepEqual(Object.values(cookiesOf(out)), ['', ''])
    assert.equal((await exchange(service, cookies.auth_refresh_token!)).body.reason, 'revoked')
    assert.equal((await open('/account', { auth_access_token: cookies.auth_access_token! })).status, 303)
  })

  test('an ended session is told why', async () => {
    const account = await confirmedAccount(service)
    const cookies = cookiesOf(await post('/sign-in', formOf(account)))
    await send(`${service.url}/oauth2/revoke`, { form: { token: cookies.auth_refresh_token! } })
    const page = await open('/account', { auth_refresh_token: cookies.auth_refresh_token! })
    assert.equal(page.status, 401)
    assert.match(page.text, /The session was ended/)
  })

  test('somebody who is not signed in is led to the sign-in', async () => {
    for (const cookies of [{}, { auth_refresh_token: 'x', auth_access_token: 'y' }]) {
      const { status, headers } = await open('/account', cookies)
      assert.ok(status === 303 ? headers.get('location') === '/sign-in' : status === 401)
    }
  })

  test('no parameter of a request ever redirects [R13]', async () => {
    const account = await confirmedAccount(service)
    for (const name of ['next', 'redirect_uri', 'return_to', 'url', 'callbackURL'])
      for (const value of ['https://evil.example', '//evil.example', '/\\evil.example', 'javascript:alert(1)']) {
        const query = `?${name}=${encodeURIComponent(value)}`
        const { headers } = await post(`/sign-in${query}`, { ...formOf(account), [name]: value })
        assert.equal(headers.get('location'), '/account')
      }
  })

  test('pages lead on to the application, when it is set', async () => {
    await using service = await startTestService('PGlite', { env: { AUTH_APP_URL: 'https://app.example/start' } })
    const account = await confirmedAccount(service)
    const { headers } = await send(`${service.url}/sign-in`, {
      form: formOf(account),
      headers: { origin: service.url },
    })
    assert.equal(headers.get('location'), 'https://app.example/start')
    assert.match(
      (await send(`${service.url}/sign-in`)).headers.get('content-security-policy')!,
      /form-action 'self' https:\/\/app\.example/,
    )
  })

  test('127.0.0.1 is led to localhost, where the cookies are', async () => {
    const url = new URL('/sign-up?x=1', service.url)
    url.hostname = '127.0.0.1'
    const { status, headers } = await send(url.href)
    assert.deepEqual([status, headers.get('location')], [307, `${service.url}/sign-up?x=1`])
  })

  test('HEAD of the account does nothing [R05]', async () => {
    const { auth_refresh_token } = cookiesOf(await post('/sign-in', formOf(await confirmedAccount(service))))
    const { status, headers } = await send(`${service.url}/account`, {
      method: 'HEAD',
      headers: { cookie: `auth_refresh_token=${auth_refresh_token}` },
    })
    assert.deepEqual([status, headers.getSetCookie()], [405, []])
  })

  test('the waiting page follows the confirmation and asks for another letter', async () => {
    const { email, cookies, token } = await signUpOnPage()
    const waiting = await open('/confirm', cookies)
    assert.match(waiting.text, /was sent/)
    assert.equal((await post('/confirm/letter', {}, cookies)).headers.get('location'), '/confirm')
    await lettersTo(service, email, 2)
    await post('/confirm', { token }, cookies)
    assert.match((await open('/confirm', cookies)).text, /The address is confirmed/)
  })

  test('the mailbox shows letters to this machine alone', async () => {
    const account: SignedUp = await signUp(service)
    const [letter] = await lettersTo(service, account.email)
    assert.match((await open('/mailbox')).text, new RegExp(account.email))
    assert.match((await open(`/mailbox/${letter!.id}`)).text, /Confirm the address/)
    const { body } = await send(`${service.url}/mailbox/api/messages?to=${encodeURIComponent(account.email)}`)
    assert.deepEqual(
      body.messages.map(({ id }: { id: string }) => id),
      [letter!.id],
    )
    for (const path of ['/mailbox', `/mailbox/${letter!.id}`, '/mailbox/api/messages'])
      assert.equal((await rawGet(service.url, path, { host: 'rebound.example' })).status, 404, path)
    assert.equal((await rawGet(service.url, '/mailbox', { host: new URL(service.url).host })).status, 200)
  })

  test('the mailbox shows nothing through a reverse proxy, which may ask by the name localhost', async () => {
    for (const [name, value] of [
      ['x-forwarded-for', '127.0.0.1'],
      ['x-forwarded-for', ''],
      ['forwarded', 'for=127.0.0.1'],
      ['x-forwarded-host', 'localhost'],
      ['x-forwarded-proto', 'https'],
      ['x-real-ip', '127.0.0.1'],
      ['via', '1.1 proxy'],
    ] as const)
      for (const path of ['/mailbox', '/mailbox/api/messages'])
        assert.equal((await rawGet(service.url, path, { [name]: value })).status, 404, `${path} ${name}`)
    const oldRequest = `GET /mailbox HTTP/1.0\r\nhost: ${new URL(service.url).host}\r\n\r\n`
    const { answers } = await sendRaw(service.service.port, oldRequest)
    assert.equal(answers[0]?.status, 404)
  })

  test('the mailbox that is forced shows letters through a proxy too', async () => {
    await using service = await startTestService('PGlite', { env: { AUTH_MAILBOX: 'on' } })
    const headers = { host: 'auth.example.com', 'x-forwarded-for': '192.0.2.7' }
    assert.equal((await rawGet(service.url, '/mailbox', headers)).status, 200)
  })

  test('the reference is served by us, and allows itself nothing from elsewhere', async () => {
    const page = await open('/docs')
    assert.equal(page.status, 200)
    const policy = page.headers.get('content-security-policy')!
    assert.match(policy, /default-src 'none'; script-src 'self' 'sha256-/)
    assert.ok(!/https?:/.test(policy))
    const script = /<script src="([^"]+)"/.exec(page.text)![1]!
    const answer = await fetch(new URL(script, `${service.url}/docs`))
    assert.equal(answer.status, 200)
    const etag = answer.headers.get('etag')!
    await answer.arrayBuffer()
    assert.equal((await fetch(answer.url, { headers: { 'if-none-match': etag } })).status, 304)
  })
})

const formOf = ({ email, password }: SignedUp) => ({ email, password })

/** A GET with a Host header of its own. */
async function rawGet(origin: string, path: string, headers: Record<string, string>): Promise<{ status: number }> {
  const { get } = await import('node:http')
  return new Promise((resolve, reject) => {
    get(new URL(path, origin), { headers }, response => {
      response.resume()
      response.on('end', () => resolve({ status: response.statusCode! }))
    }).on('error', reject)
  })
}
