import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Adapter, Answer, Question } from '../../bench/adapters/adapter.ts'
import { gotrue } from '../../bench/adapters/gotrue.ts'
import { hydra } from '../../bench/adapters/hydra.ts'
import { keycloak } from '../../bench/adapters/keycloak.ts'
import { kratos } from '../../bench/adapters/kratos.ts'
import { logto } from '../../bench/adapters/logto.ts'
import { rauthy } from '../../bench/adapters/rauthy.ts'
import { zitadel } from '../../bench/adapters/zitadel.ts'

const JWT = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln_-'
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const JSON_BODY = { 'content-type': 'application/json' }
const person = { email: 'ada+1@example.com', password: 'correct & horse' }

const tokens = { access_token: JWT, token_type: 'Bearer', expires_in: 3600, refresh_token: 'second' }
const answered = (status: number, body: unknown): Answer => ({ status, headers: {}, body: JSON.stringify(body) })
const without = (fields: object, name: string) =>
  Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name))

/** A form as it was sent, in its order. */
const formOf = ({ body }: Question) => [...new URLSearchParams(body)]

/** What no service may answer to an exchange of `first`, and what is to be said about it. */
const BAD_TOKENS: [claim: string, answer: Answer, message: RegExp][] = [
  ['another status', answered(400, { error: 'invalid_grant' }), /status 200.*400 {"error":"invalid_grant"}/],
  ['a success without content', { status: 204, headers: {}, body: '' }, /status 200.*204/],
  ['no JSON', { status: 200, headers: {}, body: '<html>' }, /JSON object.*200 <html>/],
  ['a list', answered(200, [tokens]), /JSON object/],
  ['null', answered(200, null), /JSON object/],
  ['no access token', answered(200, without(tokens, 'access_token')), /access_token/],
  ['an access token that is no JWT', answered(200, { ...tokens, access_token: 'opaque' }), /JWT in access_token/],
  ['an access token of two parts', answered(200, { ...tokens, access_token: 'a.b' }), /JWT in access_token/],
  ['an access token with an empty part', answered(200, { ...tokens, access_token: 'a.b.' }), /JWT in access_token/],
  ['no refresh token', answered(200, without(tokens, 'refresh_token')), /refresh_token/],
  ['an empty refresh token', answered(200, { ...tokens, refresh_token: '' }), /refresh_token/],
]
const UNROTATED = answered(200, { ...tokens, refresh_token: 'first' })

function refreshesTokens(adapter: Adapter, { rotates }: { rotates: boolean }) {
  const read = (answer: Answer) => adapter.refresh.read(answer, 'first')
  it('goes on with the refresh token of the answer', () => {
    assert.equal(read(answered(200, tokens)), 'second')
  })
  for (const [claim, answer, message] of BAD_TOKENS)
    it(`refuses ${claim}`, () => assert.throws(() => read(answer), message))
  if (rotates) it('refuses the refresh token that was exchanged', () => assert.throws(() => read(UNROTATED), /another/))
  else it('takes the refresh token that was exchanged', () => assert.equal(read(UNROTATED), 'first'))
}

describe('GoTrue', () => {
  const adapter = gotrue()
  refreshesTokens(adapter, { rotates: true })

  it('is asked as documented', () => {
    assert.deepEqual(adapter.refresh.ask('first'), {
      method: 'POST',
      path: '/token?grant_type=refresh_token',
      headers: JSON_BODY,
      body: '{"refresh_token":"first"}',
    })
    assert.deepEqual(adapter.signIn?.ask(person), {
      method: 'POST',
      path: '/token?grant_type=password',
      headers: JSON_BODY,
      body: JSON.stringify(person),
    })
    assert.deepEqual(adapter.signUp?.ask(person), {
      method: 'POST',
      path: '/signup',
      headers: JSON_BODY,
      body: JSON.stringify(person),
    })
  })
  it('has a key and a path of its own behind the gateway', () => {
    const { path, headers } = gotrue({ apiKey: 'anon', basePath: '/auth/v1' }).refresh.ask('first')
    assert.equal(path, '/auth/v1/token?grant_type=refresh_token')
    assert.deepEqual(headers, { ...JSON_BODY, apikey: 'anon' })
  })
  it('signs in with the tokens of the answer', () => {
    assert.equal(adapter.signIn?.read(answered(200, tokens)), 'second')
    assert.throws(() => adapter.signIn?.read(answered(400, { error_code: 'invalid_credentials' })), /400/)
  })
  it('has signed nobody up who got no tokens: the address may be taken, or a letter awaited', () => {
    adapter.signUp?.read(answered(200, tokens))
    const person = { id: '5d8d', aud: 'authenticated', email: 'ada@example.com', confirmation_sent_at: '2026-01-01' }
    assert.throws(() => adapter.signUp?.read(answered(200, person)), /access_token/)
  })
})

describe('Kratos', () => {
  const adapter = kratos({ template: 'load & more' })
  const session = {
    id: '7f5c',
    active: true,
    expires_at: '2030-01-01T00:00:00Z',
    identity: { id: '1' },
    tokenized: JWT,
  }
  const read = (answer: Answer, of = adapter) => of.refresh.read(answer, 'ory_st_first')

  it('is asked as documented', () => {
    assert.deepEqual(adapter.refresh.ask('ory_st_first'), {
      method: 'GET',
      path: '/sessions/whoami?tokenize_as=load%20%26%20more',
      headers: { 'x-session-token': 'ory_st_first' },
    })
    assert.equal(kratos().refresh.ask('ory_st_first').path, '/sessions/whoami')
  })
  it('goes on with the same session token', () => {
    assert.equal(read(answered(200, session)), 'ory_st_first')
  })
  it('refuses an answer without a session or without its JWT', () => {
    assert.throws(() => read(answered(401, { error: { id: 'session_inactive' } })), /401.*session_inactive/)
    assert.throws(() => read(answered(200, { ...session, active: false })), /active session/)
    assert.throws(() => read(answered(200, without(session, 'active'))), /active session/)
    assert.throws(() => read(answered(200, without(session, 'tokenized'))), /tokenized/)
    assert.throws(() => read(answered(200, { ...session, tokenized: 'opaque' })), /JWT in tokenized/)
  })
  it('expects no JWT without a template, and says so', () => {
    assert.equal(read(answered(200, without(session, 'tokenized')), kratos()), 'ory_st_first')
    assert.match(kratos().refreshDoes, /without a JWT/)
    assert.doesNotMatch(adapter.refreshDoes, /without a JWT/)
  })
  it('takes two requests to sign in or up', () => {
    assert.deepEqual([adapter.signIn, adapter.signUp], [undefined, undefined])
  })
})

describe('Keycloak', () => {
  const settings = { realm: 'load test', clientId: 'bench' }
  const path = '/realms/load%20test/protocol/openid-connect/token'
  describe('with "Revoke Refresh Token" on', () => {
    refreshesTokens(keycloak({ ...settings, revokeRefreshToken: 'on' }), { rotates: true })
  })
  describe('with "Revoke Refresh Token" off', () => refreshesTokens(keycloak(settings), { rotates: false }))

  it('is asked as documented', () => {
    const { body: _, ...refresh } = keycloak(settings).refresh.ask('first')
    assert.deepEqual(refresh, { method: 'POST', path, headers: FORM })
    assert.deepEqual(formOf(keycloak(settings).refresh.ask('first')), [
      ['grant_type', 'refresh_token'],
      ['refresh_token', 'first'],
      ['client_id', 'bench'],
    ])
    const signIn = keycloak(settings).signIn?.ask(person)
    assert.deepEqual([signIn?.method, signIn?.path, signIn?.headers], ['POST', path, FORM])
    assert.equal(
      signIn?.body,
      'grant_type=password&username=ada%2B1%40example.com&password=correct+%26+horse&client_id=bench',
    )
  })
  it('sends the secret of a confidential client', () => {
    const { refresh } = keycloak({ ...settings, clientSecret: 's&cret' })
    assert.deepEqual(formOf(refresh.ask('first')).at(-1), ['client_secret', 's&cret'])
  })
  it('signs in with the tokens of the answer', () => {
    assert.equal(keycloak(settings).signIn?.read(answered(200, tokens)), 'second')
    assert.throws(() => keycloak(settings).signIn?.read(answered(401, { error: 'invalid_grant' })), /401/)
  })
  it('says whether the old refresh token ends', () => {
    assert.match(keycloak({ ...settings, revokeRefreshToken: 'on' }).refreshDoes, /^rotates/)
    assert.doesNotMatch(keycloak(settings).refreshDoes, /rotates/)
  })
  it('signs nobody up', () => assert.equal(keycloak(settings).signUp, undefined))
})

describe('Logto', () => {
  const settings = { clientId: 'app', resource: 'https://api.example.com' }
  const publicClient = logto(settings)
  const confidential = logto({ ...settings, clientSecret: 's:cret' })
  describe('as a public client', () => refreshesTokens(publicClient, { rotates: true }))
  describe('as a confidential client', () => refreshesTokens(confidential, { rotates: false }))

  it('is asked as documented', () => {
    const { body: _, ...question } = publicClient.refresh.ask('first')
    assert.deepEqual(question, { method: 'POST', path: '/oidc/token', headers: FORM })
    assert.deepEqual(formOf(publicClient.refresh.ask('first')), [
      ['grant_type', 'refresh_token'],
      ['refresh_token', 'first'],
      ['resource', 'https://api.example.com'],
      ['client_id', 'app'],
    ])
  })
  it('authenticates a confidential client by Basic, and nowhere else', () => {
    const question = confidential.refresh.ask('first')
    assert.deepEqual(question.headers, { ...FORM, authorization: `Basic ${btoa('app:s%3Acret')}` })
    const names = formOf(question).map(([name]) => name)
    assert.deepEqual(names, ['grant_type', 'refresh_token', 'resource'])
  })
  it('takes several requests to sign in or up', () => {
    assert.deepEqual([publicClient.signIn, publicClient.signUp], [undefined, undefined])
  })
})

describe('Zitadel', () => {
  const adapter = zitadel({ clientId: '170086@app', serviceToken: 'pat' })
  const session = { details: { sequence: '580' }, sessionId: '2184', sessionToken: 'yMDi6uVP' }
  refreshesTokens(adapter, { rotates: true })

  it('is asked as documented', () => {
    const { body: _, ...question } = adapter.refresh.ask('first')
    assert.deepEqual(question, { method: 'POST', path: '/oauth/v2/token', headers: FORM })
    assert.deepEqual(formOf(adapter.refresh.ask('first')), [
      ['grant_type', 'refresh_token'],
      ['refresh_token', 'first'],
      ['client_id', '170086@app'],
    ])
    assert.deepEqual(adapter.signIn?.ask(person), {
      method: 'POST',
      path: '/v2/sessions',
      headers: { ...JSON_BODY, authorization: 'Bearer pat' },
      body: '{"checks":{"user":{"loginName":"ada+1@example.com"},"password":{"password":"correct & horse"}}}',
    })
  })
  it('sends the secret of a confidential client', () => {
    const { refresh } = zitadel({ clientId: 'app', clientSecret: 's&cret' })
    assert.deepEqual(formOf(refresh.ask('first')).at(-1), ['client_secret', 's&cret'])
  })
  it('takes 200 and 201 for a new session', () => {
    assert.equal(adapter.signIn?.read(answered(201, session)), 'yMDi6uVP')
    assert.equal(adapter.signIn?.read(answered(200, session)), 'yMDi6uVP')
  })
  it('refuses an answer without a session', () => {
    assert.throws(() => adapter.signIn?.read(answered(400, { code: 3 })), /200 or 201.*400 {"code":3}/)
    assert.throws(() => adapter.signIn?.read(answered(201, without(session, 'sessionToken'))), /sessionToken/)
  })
  it('checks passwords only for a service user', () => {
    assert.equal(zitadel({ clientId: 'app' }).signIn, undefined)
  })
})

describe('Hydra', () => {
  const publicClient = hydra({ clientId: 'app' })
  const confidential = hydra({ clientId: 'app', clientSecret: 's:cret' })
  refreshesTokens(publicClient, { rotates: true })

  it('is asked as documented', () => {
    const { body: _, ...question } = publicClient.refresh.ask('first')
    assert.deepEqual(question, { method: 'POST', path: '/oauth2/token', headers: FORM })
    assert.deepEqual(formOf(publicClient.refresh.ask('first')), [
      ['grant_type', 'refresh_token'],
      ['refresh_token', 'first'],
      ['client_id', 'app'],
    ])
  })
  it('authenticates a confidential client by Basic, and nowhere else', () => {
    const question = confidential.refresh.ask('first')
    assert.deepEqual(question.headers, { ...FORM, authorization: `Basic ${btoa('app:s%3Acret')}` })
    assert.deepEqual(
      formOf(question).map(([name]) => name),
      ['grant_type', 'refresh_token'],
    )
  })
  it('refuses its opaque access tokens', () => {
    const opaque = answered(200, { ...tokens, access_token: 'ory_at_Zm9v.YmFy' })
    assert.throws(() => publicClient.refresh.read(opaque, 'first'), /JWT in access_token/)
  })
  it('leaves signing in and up to the application', () => {
    assert.deepEqual([publicClient.signIn, publicClient.signUp], [undefined, undefined])
  })
})

describe('Rauthy', () => {
  const adapter = rauthy({ clientId: 'app' })
  refreshesTokens(adapter, { rotates: true })

  it('is asked as documented', () => {
    const { body: _, ...question } = adapter.refresh.ask('first')
    assert.deepEqual(question, { method: 'POST', path: '/auth/v1/oidc/token', headers: FORM })
    assert.deepEqual(formOf(adapter.refresh.ask('first')), [
      ['grant_type', 'refresh_token'],
      ['refresh_token', 'first'],
      ['client_id', 'app'],
    ])
    assert.deepEqual(formOf(adapter.signIn!.ask(person)), [
      ['grant_type', 'password'],
      ['username', 'ada+1@example.com'],
      ['password', 'correct & horse'],
      ['client_id', 'app'],
    ])
  })
  it('sends the secret of a confidential client', () => {
    const { refresh } = rauthy({ clientId: 'app', clientSecret: 's&cret' })
    assert.deepEqual(formOf(refresh.ask('first')).at(-1), ['client_secret', 's&cret'])
  })
  it('signs in with the tokens of the answer', () => {
    assert.equal(adapter.signIn?.read(answered(200, tokens)), 'second')
    assert.throws(() => adapter.signIn?.read(answered(401, { error: 'Unauthorized' })), /401/)
  })
  it('signs nobody up in one request', () => assert.equal(adapter.signUp, undefined))
})

it('quotes no more than the beginning of a body', () => {
  const long: Answer = { status: 502, headers: {}, body: 'x'.repeat(10_000) }
  assert.throws(() => gotrue().refresh.read(long, 'first'), /Found: 502 x{200}$/)
})
