import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { sql } from 'kysely'
import * as oauth from 'oauth4webapi'
import { DATABASES } from '../support/database.ts'
import {
  confirmedAccount,
  exchange,
  lettersTo,
  newAddress,
  PASSWORD,
  send,
  signIn,
  signUp,
  startTestService,
  type TestService,
  tokenIn,
} from '../support/service.ts'

for (const kind of DATABASES) {
  describe(`from sign-up to access token on ${kind}`, () => {
    let service: TestService
    before(async () => {
      service = await startTestService(kind)
    })
    after(() => service[Symbol.asyncDispose]())

    test('a person signs up, confirms, signs in, and gets an access token that another party verifies [R57]', async () => {
      const email = newAddress()
      const created = await send(`${service.url}/v1/accounts`, {
        json: { email: email.toUpperCase(), password: PASSWORD },
      })
      assert.equal(created.status, 201)
      assert.equal(created.body.email, email, 'the address is answered in its canonical form')
      assert.equal(created.body.status, 'unconfirmed')
      assert.equal(created.body.confirmation.state, 'queued')
      const { id } = created.body
      const { ticket } = created.body.confirmation

      const [letter] = await lettersTo(service, email)
      const confirmed = await send(`${service.url}/v1/confirmations`, { json: { token: tokenIn(letter!), ticket } })
      assert.equal(confirmed.status, 200, confirmed.text)
      assert.deepEqual(
        { ...confirmed.body, confirmed_at: undefined },
        { account_id: id, email, status: 'confirmed', confirmed_at: undefined },
      )
      assert.equal(confirmed.headers.get('set-cookie'), null)

      const session = await send(`${service.url}/v1/sessions`, { json: { email, password: PASSWORD } })
      assert.equal(session.status, 201)
      assert.deepEqual(Object.keys(session.body), [
        'id',
        'account_id',
        'created_at',
        'expires_at',
        'refresh_token',
        'device_token',
      ])

      const tokens = await exchange(service, session.body.refresh_token)
      assert.equal(tokens.status, 200)
      assert.equal(tokens.headers.get('cache-control'), 'no-store')
      assert.deepEqual(Object.keys(tokens.body), ['access_token', 'token_type', 'expires_in', 'refresh_token'])

      const keys = createRemoteJWKSet(new URL(`${service.url}/.well-known/jwks.json`))
      const { payload } = await jwtVerify(tokens.body.access_token, keys, {
        issuer: service.url,
        audience: service.url,
        typ: 'at+jwt',
        algorithms: ['ES256'],
      })
      assert.deepEqual(Object.keys(payload).sort(), [
        'amr',
        'aud',
        'auth_time',
        'client_id',
        'exp',
        'iat',
        'iss',
        'jti',
        'sid',
        'sub',
      ])
      assert.equal(payload.sub, id)
      assert.equal(payload.sid, session.body.id)
      assert.equal(payload.client_id, 'default')
      assert.deepEqual(payload.amr, ['pwd'])
      assert.equal(payload.exp! - payload.iat!, 300)

      const own = await send(`${service.url}/v1/account`, {
        headers: { authorization: `Bearer ${tokens.body.access_token}` },
      })
      assert.equal(own.status, 200)
      assert.equal(own.body.email, email)
    })

    test('a client library of somebody else discovers, refreshes and revokes [R57, R66]', async () => {
      const refreshToken = await signIn(service, await confirmedAccount(service))
      const issuer = new URL(service.url)
      const options = { [oauth.allowInsecureRequests]: true }
      const server = await oauth.processDiscoveryResponse(
        issuer,
        await oauth.discoveryRequest(issuer, { ...options, algorithm: 'oauth2' }),
      )
      const client: oauth.Client = { client_id: 'default' }
      const refreshed = await oauth.processRefreshTokenResponse(
        server,
        client,
        await oauth.refreshTokenGrantRequest(server, client, oauth.None(), refreshToken, options),
      )
      assert.notEqual(refreshed.refresh_token, refreshToken)
      await oauth.validateJwtAccessToken(
        server,
        new Request(service.url, { headers: { authorization: `Bearer ${refreshed.access_token}` } }),
        service.url,
        options,
      )
      await oauth.processRevocationResponse(
        await oauth.revocationRequest(server, client, oauth.None(), refreshed.refresh_token!, options),
      )
      const after = await exchange(service, refreshed.refresh_token!)
      assert.deepEqual([after.status, after.body.error, after.body.reason], [400, 'invalid_grant', 'revoked'])
      const own = await send(`${service.url}/v1/account`, {
        headers: { authorization: `Bearer ${refreshed.access_token}` },
      })
      assert.equal(own.status, 401, 'the access token is refused at once, here')
    })

    test('the letter comes as text and HTML in the language of the account, from a machine, to one recipient', async () => {
      const email = newAddress()
      await send(`${service.url}/v1/accounts`, { json: { email, password: PASSWORD, locale: 'ru-RU' } })
      const [letter] = await lettersTo(service, email)
      assert.deepEqual(letter!.to, [email])
      assert.match(letter!.subject, /Подтвердите адрес/)
      assert.match(letter!.text, new RegExp(`${service.url}/confirm\\?token=authsvc_lt_`))
      assert.ok(letter!.html.includes(`${service.url}/confirm?token=${tokenIn(letter!)}`))
      const raw = (await service.service.mailbox!.raw(letter!.id))!.toString()
      assert.match(raw, /^Auto-Submitted: auto-generated/im)
      assert.match(raw, /^Message-ID: <[0-9a-f-]{36}\.confirmation@localhost>/im)
      assert.match(raw, /^Date: /im)
      assert.match(raw, /^Content-Language: ru/im)
    })

    test('without a locale the letter follows accept-language', async () => {
      const email = newAddress()
      const headers = { 'accept-language': 'de;q=0.9, ru;q=0.8, en;q=0.5' }
      await send(`${service.url}/v1/accounts`, { json: { email, password: PASSWORD }, headers })
      const [letter] = await lettersTo(service, email)
      assert.match(letter!.subject, /Подтвердите/)
    })

    // The class of Zitadel CVE-2023-49097 and CVE-2025-64101.
    test('the links of letters follow the configured address, whatever the request says [R12]', async () => {
      const hostile: Record<string, string>[] = [
        { host: 'evil.example' },
        { host: `evil.example:${new URL(service.url).port}` },
        { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', 'x-forwarded-for': '127.0.0.1' },
        { forwarded: 'host=evil.example;proto=https' },
        { origin: 'https://evil.example', referer: 'https://evil.example/' },
      ]
      for (const headers of hostile) {
        const email = newAddress()
        assert.equal(await postRaw(`${service.url}/v1/accounts`, { email, password: PASSWORD }, headers), 201)
        const [letter] = await lettersTo(service, email)
        assert.deepEqual(new Set(letter!.links.map(link => new URL(link).origin)), new Set([service.url]))
      }
    })

    test('no secret is stored or logged in readable form [R08, R41, R83]', async () => {
      const account = await confirmedAccount(service)
      const [letter] = await lettersTo(service, account.email)
      const refreshToken = await signIn(service, account)
      const { body } = await exchange(service, refreshToken)
      await fetch(`${service.url}/confirm?token=${tokenIn(letter!)}`)
      await fetch(`${service.url}/nowhere?token=${tokenIn(letter!)}`)
      const { rows } = await everything(service)
      const secrets = [PASSWORD, account.ticket, tokenIn(letter!), refreshToken, body.refresh_token, body.access_token]
      for (const secret of secrets) {
        assert.ok(!rows.includes(secret), `${secret} lies in the database`)
        assert.ok(!service.log().includes(secret), `${secret} lies in the log`)
      }
      assert.ok(rows.includes(account.id), 'the search has looked at the rows')
      assert.ok(service.log().includes('/confirm'), 'the search has looked at the log')
    })

    test('signing up again with the address gives an account of its own', async () => {
      const email = newAddress()
      const [first, second] = [await signUp(service, { email }), await signUp(service, { email })]
      assert.notEqual(first.id, second.id)
      assert.equal((await lettersTo(service, email, 2)).length, 2)
    })
  })
}

/** A POST with headers that fetch would not send. @returns the status */
function postRaw(url: string, json: object, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method: 'POST', headers: { 'content-type': 'application/json', ...headers } },
      answer => {
        answer.resume()
        answer.on('end', () => resolve(answer.statusCode!))
      },
    )
    sent.on('error', reject)
    sent.end(JSON.stringify(json))
  })
}

/** Every row of every table, jobs included, as text. */
async function everything({ service }: TestService): Promise<{ rows: string }> {
  const tables = await sql<{ name: string }>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname in ('public', 'pgboss')`.execute(service.database)
  let rows = ''
  for (const { name } of tables.rows) {
    const found = await sql<{ row: string }>`select each::text as row from ${sql.raw(name)} as each`.execute(
      service.database,
    )
    rows += found.rows.map(({ row }) => row).join('\n')
  }
  return { rows }
}
