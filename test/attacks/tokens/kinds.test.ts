import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { DATABASES } from '../../support/database.ts'
import { confirmedAtOnce, letterTokenOf, makersOf, startUnlimitedService } from '../../support/genuine-secrets.ts'
import { type Answer, exchange, send, signIn, signUp, type TestService } from '../../support/service.ts'

const KINDS = [
  'access token',
  'refresh token',
  'ticket',
  'letter token',
  'device link',
  'device token',
  'account id',
  'session id',
  'letter id',
] as const
type Kind = (typeof KINDS)[number]

for (const kind of DATABASES) {
  describe(`a secret of one kind on ${kind}`, () => {
    let service: TestService
    before(async () => {
      service = await startUnlimitedService(kind)
    })
    after(() => service[Symbol.asyncDispose]())

    /** One of each, all of the same two people: nothing is wrong with them but the place. */
    async function secretsOfEachKind(): Promise<Record<Kind, string>> {
      const { id: accountId, ...account } = await confirmedAtOnce(service)
      const refreshToken = await signIn(service, { id: accountId, ...account })
      const { body } = await exchange(service, refreshToken)
      const pending = await signUp(service)
      const letterToken = await letterTokenOf(service, pending.id)
      const { letterTokens, refreshTokens, deviceLinks, devices } = makersOf(service)
      const { email } = account
      const linkId = randomUUID()
      await service.service.database.deleteFrom('device_link').where('email', '=', email).execute()
      await service.service.database
        .insertInto('device_link')
        .values({ email, request_id: linkId, link_id: linkId, account_id: accountId, sent_at: null, used_at: null })
        .execute()
      return {
        'access token': body.access_token,
        'refresh token': body.refresh_token,
        ticket: pending.ticket,
        'letter token': letterToken,
        'device link': deviceLinks.make(linkId),
        'device token': devices.make(accountId),
        'account id': accountId,
        'session id': (await refreshTokens.open(refreshToken))!.sessionId,
        'letter id': (await letterTokens.open(letterToken))!,
      }
    }

    const bearer = (path: string, token: string) =>
      send(`${service.url}${path}`, { headers: { authorization: `Bearer ${token}` } })
    const post = (path: string, json: object) => send(`${service.url}${path}`, { json })

    const PLACES: Record<string, { takes: Kind[]; show(secret: string, all: Record<Kind, string>): Promise<Answer> }> =
      {
        'GET /v1/account': { takes: ['access token'], show: secret => bearer('/v1/account', secret) },
        'GET /v1/confirmation': { takes: ['ticket'], show: secret => bearer('/v1/confirmation', secret) },
        'POST /oauth2/token': { takes: ['refresh token'], show: secret => exchange(service, secret) },
        'POST /v1/device-tokens': {
          takes: ['device link'],
          show: secret => post('/v1/device-tokens', { token: secret }),
        },
        'POST /v1/confirmation-letters': {
          takes: ['ticket'],
          show: secret => post('/v1/confirmation-letters', { ticket: secret }),
        },
        'POST /v1/confirmations, as token': {
          takes: ['letter token'],
          show: (secret, { ticket }) => post('/v1/confirmations', { token: secret, ticket }),
        },
        'POST /v1/confirmations, as ticket': {
          takes: ['ticket'],
          show: (secret, all) => post('/v1/confirmations', { token: all['letter token'], ticket: secret }),
        },
        'POST /v1/confirmations, as password': {
          takes: [],
          show: (secret, all) => post('/v1/confirmations', { token: all['letter token'], password: secret }),
        },
      }

    for (const [place, { takes, show }] of Object.entries(PLACES)) {
      test(`[R60] [R09] ${place} takes ${takes[0] ?? 'nothing'}, and no other kind`, async () => {
        const secrets = await secretsOfEachKind()
        const taken: Kind[] = []
        for (const each of KINDS) {
          const { status, text } = await show(secrets[each], secrets)
          assert.ok(status < 500, text)
          if (status < 300) taken.push(each)
        }
        assert.deepEqual(taken, takes)
      })
    }

    test('[R60] revoking takes a refresh or an access token, and nothing else ends a session', async () => {
      const { 'refresh token': refreshToken, ...others } = await secretsOfEachKind()
      for (const each of KINDS)
        if (each !== 'access token' && each !== 'refresh token')
          await send(`${service.url}/oauth2/revoke`, { form: { token: others[each] } })
      assert.equal((await bearer('/v1/account', others['access token'])).status, 200)
      await send(`${service.url}/oauth2/revoke`, { form: { token: others['access token'] } })
      assert.equal((await exchange(service, refreshToken)).body.reason, 'revoked')
    })

    test('[R60] the link of a letter opens with a letter token alone, and cookies are read each as its own kind', async () => {
      const secrets = await secretsOfEachKind()
      for (const each of KINDS) {
        const { status } = await send(`${service.url}/confirm?token=${encodeURIComponent(secrets[each])}`)
        assert.equal(status, each === 'letter token' ? 200 : 404, each)
        const device = await send(`${service.url}/device?token=${encodeURIComponent(secrets[each])}`)
        assert.equal(device.status, each === 'device link' ? 200 : 404, each)
        for (const name of ['auth_refresh_token', 'auth_access_token']) {
          if (name === `auth_${each.replace(' ', '_')}`) continue
          const answer = await send(`${service.url}/account`, { headers: { cookie: `${name}=${secrets[each]}` } })
          assert.ok([303, 401].includes(answer.status), `${each} as ${name}: ${answer.status}`)
        }
      }
    })

    // The payload of one kind with the MAC of another: keys are derived for each purpose.
    test('[R60] [R09] another prefix makes no other kind of a secret', async () => {
      const secrets = await secretsOfEachKind()
      const swapped = (kind: Kind, prefix: string) => secrets[kind].replace(/^authsvc_.._/, prefix)
      const answers = await Promise.all([
        bearer('/v1/confirmation', swapped('letter token', 'authsvc_ct_')),
        post('/v1/confirmations', { token: swapped('ticket', 'authsvc_lt_'), ticket: secrets.ticket }),
        exchange(service, swapped('ticket', 'authsvc_rt_')),
        post('/v1/device-tokens', { token: swapped('letter token', 'authsvc_dl_') }),
        post('/v1/confirmations', { token: swapped('device link', 'authsvc_lt_'), ticket: secrets.ticket }),
      ])
      assert.deepEqual(
        answers.map(({ status }) => status),
        [401, 404, 400, 404, 404],
      )
    })
  })
}
