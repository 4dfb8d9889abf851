import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { v7 as uuidv7 } from 'uuid'
import { LIMITS } from '../../src/limits/limits.ts'
import { KeyRing } from '../../src/secrets/key-ring.ts'
import { makersOf, makersWith } from '../support/genuine-secrets.ts'
import {
  type Answer,
  confirmedAccount,
  exchange,
  lettersTo,
  newAddress,
  PASSWORD,
  send,
  signIn,
  signUp,
  startTestService,
  tokenIn,
} from '../support/service.ts'

const GUESSES = LIMITS.sign_in_by_address_and_network.burst
// A proxy on this machine tells whom it asks for, as in front of most services.
const ON = { AUTH_RATE_LIMITS: 'on', AUTH_TRUST_PROXY: '127.0.0.1,::1' }
const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin' }
const NOBODYS = 'x'.repeat(2_000) // too long for a password, and so refused without being hashed
const from = (network: string) => ({ 'x-forwarded-for': network })

// The counting itself is tried on both databases, in attempt-limits.test.ts.
const kind = 'PostgreSQL'

describe('the limits of attempts', () => {
  const attemptAt = ({ url }: { url: string }, body: object, headers: Record<string, string> = {}) =>
    send(`${url}/v1/sessions`, { json: body, headers })

  function assertLimited(answer: Answer, limit: string) {
    assert.equal(answer.status, 429, answer.text)
    assert.equal(answer.body.code, 'too_many_attempts')
    assert.equal(answer.body.limit, limit)
    assert.match(answer.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
  }

  test('[R36] [R38] Parallel guesses at one address are made as far as the limit goes, and then the right password is refused too', async () => {
    await using service = await startTestService(kind)
    const { email } = await confirmedAccount(service)
    const begun = service.service.hashing.started
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => attemptAt(service, { email, password: 'not the right password' })),
    )
    assert.equal(answers.filter(({ status }) => status === 401).length, GUESSES)
    assert.equal(service.service.hashing.started - begun, GUESSES)
    assertLimited(await attemptAt(service, { email, password: PASSWORD }), 'sign_in_by_address_and_network')
  })

  test('[R01] An unknown, an unconfirmed and a confirmed address are limited alike', async () => {
    await using service = await startTestService(kind)
    const addresses = [newAddress(), (await signUp(service)).email, (await confirmedAccount(service)).email]
    for (const email of addresses) {
      for (let count = 0; count < GUESSES; count++)
        assert.equal((await attemptAt(service, { email, password: 'not the right password' })).status, 401)
      assertLimited(await attemptAt(service, { email, password: PASSWORD }), 'sign_in_by_address_and_network')
    }
  })

  test('[R37] Guessing keeps neither the sessions nor the known devices of the owner out, nor a device elsewhere', async () => {
    await using service = await startTestService(kind, { env: ON })
    const account = await confirmedAccount(service)
    const { email, password } = account
    const signedIn = await attemptAt(service, { email, password })
    for (let count = 0; count < GUESSES; count++)
      await attemptAt(service, { email, password: 'not the right password' })
    assertLimited(await attemptAt(service, { email, password }), 'sign_in_by_address_and_network')
    assert.equal((await exchange(service, signedIn.body.refresh_token)).status, 200)
    const again = await attemptAt(service, { email, password, device_token: signedIn.body.device_token })
    assert.equal(again.status, 201)
    assert.equal(again.body.device_token, signedIn.body.device_token)
    assert.equal((await attemptAt(service, { email, password }, from('192.0.2.7'))).status, 201)
  })

  test('[R37] A device has a limit of its own, and its token is worth nothing for another account', async () => {
    await using service = await startTestService(kind)
    const [own, other] = [await confirmedAccount(service), await confirmedAccount(service)]
    const { body } = await attemptAt(service, { email: own.email, password: PASSWORD })
    const guess = (email: string) =>
      attemptAt(service, { email, password: 'not the right password', device_token: body.device_token })
    for (let count = 0; count < GUESSES; count++) assert.equal((await guess(own.email)).status, 401)
    assertLimited(await guess(own.email), 'sign_in_by_device')
    for (let count = 0; count < GUESSES; count++) assert.equal((await guess(other.email)).status, 401)
    assertLimited(await guess(other.email), 'sign_in_by_address_and_network')
    await signIn(service, own) // the device's limit is its own
  })

  test('[R39] No header, field or spelling gives an attempt another counter', async () => {
    await using service = await startTestService(kind, { env: { AUTH_RATE_LIMITS: 'on' } })
    const { email } = await confirmedAccount(service)
    const [local, domain] = email.split('@') as [string, string]
    const spellings = [email, email.toUpperCase(), `${local}@${domain.toUpperCase()}`, ` ${email} `.trim()]
    for (let count = 0; count < GUESSES; count++) {
      const spelling = spellings[count % spellings.length]!
      const headers = {
        ...from(`192.0.2.${count}`),
        forwarded: `for=192.0.2.${count}`,
        'x-real-ip': `192.0.2.${count}`,
      }
      const { status } = await attemptAt(service, { email: spelling, password: `guess number ${count}` }, headers)
      assert.equal(status, 401)
    }
    assertLimited(
      await attemptAt(service, { email, password: PASSWORD }, { ...from('192.0.2.200'), 'user-agent': 'another' }),
      'sign_in_by_address_and_network',
    )
    const { status } = await attemptAt(service, { email, password: PASSWORD, extra: 'x' })
    assert.equal(status, 422)
  })

  test('[R39] Addresses of one IPv6 subscriber are one network', async () => {
    await using service = await startTestService(kind, { env: ON })
    const { email } = await confirmedAccount(service)
    const guess = (network: string) => attemptAt(service, { email, password: 'not the right password' }, from(network))
    for (let count = 0; count < GUESSES; count++) assert.equal((await guess(`2001:db8:1:2::${count + 1}`)).status, 401)
    assertLimited(await guess('2001:db8:1:2:ffff::1'), 'sign_in_by_address_and_network')
    assert.equal((await guess('2001:db8:1:3::1')).status, 401)
  })

  test('[R36] Guesses at one address from everywhere have a ceiling of their own', async () => {
    await using service = await startTestService(kind, { env: { ...ON, AUTH_RATE_LIMITS: 'off' } })
    const { email } = await confirmedAccount(service)
    for (let count = 0; count < LIMITS.sign_in_by_address.burst; count++) {
      const answer = await attemptAt(service, { email, password: NOBODYS }, from(`192.0.${count}.1`))
      assert.equal(answer.status, 401)
    }
    const answer = await attemptAt(service, { email, password: PASSWORD }, from('198.51.100.1'))
    assertLimited(answer, 'sign_in_by_address')
  })

  test('Guesses at many addresses are limited by network, and a success is no guess', async () => {
    await using service = await startTestService(kind, { env: ON })
    const { email, password } = await confirmedAccount(service)
    const guess = (network: string) => attemptAt(service, { email: newAddress(), password: NOBODYS }, from(network))
    for (let count = 1; count < LIMITS.sign_in_by_network.burst; count++)
      assert.equal((await guess('192.0.2.1')).status, 401)
    for (let count = 0; count < 3; count++)
      assert.equal((await attemptAt(service, { email, password }, from('192.0.2.1'))).status, 201)
    await guess('192.0.2.1')
    assertLimited(await guess('192.0.2.1'), 'sign_in_by_network')
    assert.equal((await guess('192.0.2.2')).status, 401)
  })

  test('Sign-up is limited by network before there is an account or a hash', async () => {
    await using service = await startTestService(kind, { env: ON })
    const { burst } = LIMITS.sign_up_by_network
    for (let count = 0; count < burst; count++) await signUp(service)
    const begun = service.service.hashing.started
    const email = newAddress()
    assertLimited(
      await send(`${service.url}/v1/accounts`, { json: { email, password: PASSWORD } }),
      'sign_up_by_network',
    )
    assert.equal(service.service.hashing.started, begun)
    const accounts = await service.service.database.selectFrom('account').select('email').execute()
    assert.equal(accounts.length, burst)
    const page = await send(`${service.url}/sign-up`, { form: { email, password: PASSWORD }, headers: SAME_ORIGIN })
    assert.equal(page.status, 429)
    assert.match(page.text, /too many attempts/)
    assert.match(page.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
  })

  test('[R14] Requests for letters are limited by network', async () => {
    await using service = await startTestService(kind, { env: ON })
    const ask = () => send(`${service.url}/v1/confirmation-letters`, { json: { email: newAddress() } })
    for (let count = 0; count < LIMITS.letter_by_network.burst; count++) assert.equal((await ask()).status, 202)
    assertLimited(await ask(), 'letter_by_network')
  })

  test('[R40] Proofs of a sign-up that are wrong are limited by its account, passwords and tickets together', async () => {
    await using service = await startTestService(kind)
    const [own, other] = [await signUp(service), await signUp(service)]
    const token = tokenIn((await lettersTo(service, own.email))[0]!)
    const confirmWith = (proof: object) => send(`${service.url}/v1/confirmations`, { json: { token, ...proof } })
    const { burst } = LIMITS.proof_by_account
    for (let count = 0; count < burst; count++) {
      const proof = count % 2 ? { ticket: other.ticket } : { password: 'not the right password' }
      assert.equal((await confirmWith(proof)).status, 403)
    }
    assertLimited(await confirmWith({ password: own.password }), 'proof_by_account')
    assertLimited(await confirmWith({ ticket: other.ticket }), 'proof_by_account')
    assert.equal((await confirmWith({ ticket: own.ticket })).status, 200, 'a genuine ticket is no guess')
  })

  test('The right password makes up for wrong proofs before it', async () => {
    await using service = await startTestService(kind)
    const account = await signUp(service)
    const token = tokenIn((await lettersTo(service, account.email))[0]!)
    const statusWith = async (password: string) =>
      (await send(`${service.url}/v1/confirmations`, { json: { token, password } })).status
    for (let round = 0; round < 2; round++) {
      for (let count = 1; count < LIMITS.proof_by_account.burst; count++)
        assert.equal(await statusWith('not the right password'), 403)
      assert.equal(await statusWith(account.password), 200)
    }
  })

  test('Tickets and tokens that are guessed are limited by network, and genuine ones are not', async () => {
    await using service = await startTestService(kind, { env: ON })
    const { url } = service
    const { email, ticket } = await signUp(service)
    const token = tokenIn((await lettersTo(service, email))[0]!)
    const status = (of: string) => send(`${url}/v1/confirmation`, { headers: { authorization: `Bearer ${of}` } })
    const guesses = [
      () => status('authsvc_ct_guess'),
      () => send(`${url}/v1/confirmations`, { json: { token: 'guess', ticket } }),
      () => send(`${url}/v1/confirmation-letters`, { json: { ticket: 'guess' } }),
      () => send(`${url}/confirm?token=guess`),
    ]
    for (let count = 0; count < LIMITS.secret_by_network.burst; count++)
      assert.notEqual((await guesses[count % guesses.length]!()).status, 429)
    for (const guess of guesses) assert.equal((await guess()).status, 429)
    assertLimited(await status('authsvc_ct_guess'), 'secret_by_network')
    assert.equal((await status(ticket)).status, 200)
    assert.equal((await send(`${url}/v1/confirmations`, { json: { token, ticket } })).status, 200)
  })

  test('[R41] What is no refresh token is limited by network, and genuine ones are not', async () => {
    await using service = await startTestService(kind, { env: ON })
    const { url } = service
    const refreshToken = await signIn(service, await confirmedAccount(service))
    const guess = (headers = {}) =>
      send(`${url}/oauth2/token`, {
        form: { grant_type: 'refresh_token', refresh_token: refreshToken.slice(0, -1) },
        headers,
      })
    for (let count = 0; count < LIMITS.secret_by_network.burst; count++) assert.equal((await guess()).status, 400)
    const refused = await guess()
    assert.deepEqual([refused.status, refused.body.error], [429, 'temporarily_unavailable'])
    assert.equal(typeof refused.body.error_description, 'string')
    assert.match(refused.headers.get('retry-after') ?? '', /^([1-9]|10)$/)
    const counters = await service.service.database.selectFrom('attempt_counter').select('level').execute()
    assert.equal(counters.filter(({ level }) => level >= 2).length, 0, 'none of it reached the database')
    const { status, body } = await exchange(service, refreshToken)
    assert.equal(status, 200)
    assert.equal((await exchange(service, refreshToken)).status, 200)
    assert.equal((await send(`${url}/oauth2/revoke`, { form: { token: body.refresh_token } })).status, 200)
    assert.equal((await exchange(service, body.refresh_token)).body.reason, 'revoked')
    assert.equal((await guess(from('192.0.2.9'))).status, 400)
  })

  test('[R46] Revoking answers 200 for what is no good token, however often (RFC 7009 section 2.2)', async () => {
    await using service = await startTestService(kind, { env: ON })
    for (let count = 0; count < LIMITS.secret_by_network.burst + 1; count++)
      for (const token of ['guess', 'an.expired.token'])
        assert.equal((await send(`${service.url}/oauth2/revoke`, { form: { token } })).status, 200)
  })

  test('[R41] Whoever holds secrets of a key that is retired or left out is told so, however many there are in one network', async () => {
    const [current, retired, leftOut] = ['k3', 'k2', 'k1'].map(KeyRing.generate)
    const env = { ...ON, AUTH_SECRET_KEY: `${current},${retired}:retired` }
    await using service = await startTestService(kind, { env })
    const { url } = service
    const post = async (path: string, json: object) => (await send(url + path, { json })).status
    for (const key of [retired!, leftOut!]) {
      const { refreshTokens, tickets, letterTokens, deviceLinks } = makersWith(KeyRing.parse(key))
      const ticket = tickets.make(uuidv7())
      const outcomes: Record<string, () => Promise<unknown>> = {
        '400 invalid_grant': async () => {
          const { status, body } = await exchange(service, refreshTokens.make({ sessionId: uuidv7(), generation: 1 }))
          return `${status} ${body.error}`
        },
        '200 Ask for another letter': async () => {
          const { status, text } = await send(`${url}/confirm`, { headers: { cookie: `auth_ticket=${ticket}` } })
          return `${status} ${/<title>(.*)<\/title>/.exec(text)?.[1]}`
        },
        '401': async () =>
          (await send(`${url}/v1/confirmation`, { headers: { authorization: `Bearer ${ticket}` } })).status,
        '422': () => post('/v1/confirmation-letters', { ticket }),
        '404': () => post('/v1/confirmations', { token: letterTokens.make(uuidv7()), ticket }),
        '404 too': async () => `${await post('/v1/device-tokens', { token: deviceLinks.make(uuidv7()) })} too`,
      }
      for (const [outcome, attempt] of Object.entries(outcomes)) {
        const attempts = Array.from({ length: LIMITS.secret_by_network.burst + 1 }, attempt)
        assert.deepEqual([...new Set((await Promise.all(attempts)).map(String))], [outcome])
      }
    }
  })

  test('The sign-in page remembers the device in a cookie, and tells when there were too many attempts', async () => {
    await using service = await startTestService(kind)
    const account = await confirmedAccount(service)
    const page = (password: string, cookie = '') =>
      send(`${service.url}/sign-in`, {
        form: { email: account.email, password },
        headers: { ...SAME_ORIGIN, cookie },
      })
    const cookies = (await page(PASSWORD)).headers.getSetCookie()
    const cookie = cookies.find(line => line.startsWith('auth_device_token='))?.split(';', 1)[0]
    assert.ok(cookie, cookies.join('\n'))
    for (let count = 0; count < GUESSES; count++) await page('not the right password')
    const refused = await page(PASSWORD)
    assert.equal(refused.status, 429)
    assert.match(refused.text, /role="alert">There were too many attempts/)
    assert.equal((await page(PASSWORD, cookie)).status, 303)
  })
  describe('of a browser that several people use', () => {
    const page = ({ url }: { url: string }, { email }: { email: string }, tokens: readonly string[] = []) =>
      send(`${url}/sign-in`, {
        form: { email, password: PASSWORD },
        headers: { ...SAME_ORIGIN, cookie: `auth_device_token=${tokens.join('~')}` },
      })
    const tokensIn = ({ headers }: Answer) =>
      headers
        .getSetCookie()
        .find(line => line.startsWith('auth_device_token='))!
        .split(/[=;]/, 2)[1]!
        .split('~')

    test('[R37] The sign-in of one keeps the device known to the others', async () => {
      await using service = await startTestService(kind)
      const [ann, ben] = [await confirmedAccount(service), await confirmedAccount(service)]
      const first = tokensIn(await page(service, ann))
      assert.equal(first.length, 1)
      const both = tokensIn(await page(service, ben, first))
      for (const { email } of [ann, ben])
        for (let count = 0; count < GUESSES; count++)
          assert.equal((await attemptAt(service, { email, password: 'not the right password' })).status, 401)

      assert.equal((await page(service, ben, first)).status, 429, 'what is known to another is no way in')
      const again = await page(service, ann, both)
      assert.equal(again.status, 303)
      assert.deepEqual(tokensIn(again), both.toReversed(), 'whoever was here last comes first')
      assert.equal((await page(service, ben, both)).status, 303)
    })

    test('[R37] A browser keeps the tokens of four accounts, one each, and nothing that is not genuine', async () => {
      await using service = await startTestService(kind)
      const account = await confirmedAccount(service)
      const { devices } = makersOf(service)
      const others = Array.from({ length: 5 }, () => devices.make(randomUUID()))
      const own = devices.make(account.id)

      assert.deepEqual(tokensIn(await page(service, account, [...others.slice(0, 3), own])), [
        own,
        ...others.slice(0, 3),
      ])
      assert.deepEqual(tokensIn(await page(service, account, [own, devices.make(account.id)])), [own])
      const full = tokensIn(await page(service, account, others))
      assert.deepEqual(full.slice(1), others.slice(0, 3))
      const garbage = [`${own.slice(0, -1)}!`, '', 'x'.repeat(4_000), others[0]!]
      assert.deepEqual(tokensIn(await page(service, account, garbage)).slice(1), [others[0]])
      assert.equal((await page(service, account, ['%', '~~~~~~', '"', own])).status, 303)
    })
  })
})
