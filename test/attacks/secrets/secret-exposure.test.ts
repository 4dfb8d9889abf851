import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { DATABASES } from '../../support/database.ts'
import {
  type Answer,
  exchange,
  newAddress,
  SECRET_KEY,
  send,
  startTestService,
  type TestService,
} from '../../support/service.ts'
import { letterIn, tokenOf } from '../../support/sink-letters.ts'
import { openSmtpSink, type SmtpSink } from '../../support/smtp-sink.ts'
import { type Canaries, filesBelow, rowsByTable, sightingsIn, spellingsOf } from './canaries.ts'

const canary = (name: string) => `${name}-${randomBytes(12).toString('hex')}`

// Directus CVE-2023-28443, Strapi CVE-2023-22894, Zitadel CVE-2026-105211 and the class of them all.
for (const kind of DATABASES) {
  describe(`after sign-ups, sign-ins and every fault on the way, on ${kind},`, () => {
    let service: TestService
    let sink: SmtpSink
    const answers: Answer[] = []
    const letterToken: Canaries = {}
    const secrets: Canaries = {}
    const addresses: Canaries = {}
    const smtp = { user: canary('smtp-user'), pass: canary('smtp-password') }

    before(async () => {
      sink = await openSmtpSink({ credentials: smtp })
      service = await startTestService(kind, {
        env: {
          AUTH_SMTP_URL: `smtp://${smtp.user}:${smtp.pass}@127.0.0.1:${sink.port}`,
          AUTH_RATE_LIMITS: 'off',
          AUTH_LOG_LEVEL: 'trace',
        },
      })
      secrets['SMTP password'] = smtp.pass
      secrets['secret key'] = (
        service.databaseUrl
          ? SECRET_KEY
          : filesBelow(service.dataDirectory).get(`${service.dataDirectory}/secret-key`)!.trim()
      ).split(':')[1]!
      if (service.databaseUrl) secrets['database password'] = new URL(service.databaseUrl).password
      await wholeFlow()
      await garbledRequests()
      await mailFaults()
      await overload()
      await databaseFaults()
      await poison()
    })
    after(async () => {
      await service?.[Symbol.asyncDispose]()
      await sink[Symbol.asyncDispose]()
    })

    async function ask(...parameters: Parameters<typeof send>): Promise<Answer> {
      const [path, init] = parameters
      const answer = await send(service.url + path, init)
      answers.push(answer)
      return answer
    }

    async function signedUp(name: string) {
      const [email, password] = [newAddress(canary(name)), canary(`${name}-password`)]
      const { body } = await ask('/v1/accounts', { json: { email, password } })
      secrets[`password of ${name}`] = password
      addresses[`address of ${name}`] = email
      secrets[`ticket of ${name}`] = body.confirmation.ticket
      return { email, password, id: body.id as string, ticket: body.confirmation.ticket as string }
    }

    async function wholeFlow() {
      const { email, password, ticket } = await signedUp('ann')
      const token = tokenOf(await letterIn(sink, email))
      letterToken['letter token of ann'] = token
      await ask(`/confirm?token=${token}`)
      await ask('/v1/confirmation', { headers: { authorization: `Bearer ${ticket}` } })
      for (const proof of [
        { password: `${password}x` },
        { ticket: `${ticket}x` },
        {},
        { ticket, password },
        { ticket },
      ])
        await ask('/v1/confirmations', { json: { token, ...proof } })
      await ask('/v1/sessions', { json: { email, password: `${password}x` } })
      const { body: session } = await ask('/v1/sessions', { json: { email, password } })
      const { body: first } = await ask('/oauth2/token', {
        form: { grant_type: 'refresh_token', refresh_token: session.refresh_token },
      })
      Object.assign(secrets, {
        'refresh token': session.refresh_token,
        'second refresh token': first.refresh_token,
        'access token': first.access_token,
      })
      await ask('/v1/account', { headers: { authorization: `Bearer ${first.access_token}` } })
      await ask('/v1/confirmation-letters', { json: { email } })
      const form = { email, password }
      const headers = { origin: service.url }
      await ask('/sign-in', { form, headers })
      await ask('/sign-up', { form: { ...form, email: 'nobody' }, headers })
      await ask('/account', { headers: { cookie: `auth_refresh_token=${first.refresh_token}` } })
      await ask('/oauth2/revoke', { form: { token: first.refresh_token } })
      await exchange(service, first.refresh_token)
    }

    // What clients, gateways and people get wrong: secrets in the wrong place.
    async function garbledRequests() {
      const { 'refresh token': refreshToken, 'access token': accessToken, 'password of ann': password } = secrets
      const token = letterToken['letter token of ann']!
      const email = addresses['address of ann']!
      const json = { 'content-type': 'application/json' }
      await ask('/v1/sessions', { json: { email, password: [password] } })
      await ask('/v1/sessions', { method: 'POST', headers: json, body: `{"email":"${email}","password":"${password}` })
      await ask('/v1/sessions', {
        method: 'POST',
        body: `password=${password}`,
        headers: { 'content-type': 'text/plain' },
      })
      await ask('/v1/accounts', { json: { email, password, locale: password } })
      await ask('/oauth2/token', { form: { grant_type: 'password', username: email, password: password! } })
      await ask('/oauth2/token', { form: { grant_type: 'refresh_token', refresh_token: `${refreshToken}x` } })
      await ask('/oauth2/token', { form: { refresh_token: refreshToken! } })
      await ask(`/oauth2/token?refresh_token=${refreshToken}`, { form: { grant_type: 'refresh_token' } })
      await ask(`/v1/account?access_token=${accessToken}`)
      await ask('/v1/account', { headers: { authorization: `Basic ${btoa(`${email}:${password}`)}` } })
      await ask(`/confirm?token=${token}&token=${token}`)
      await ask(`/v1/confirmations?token=${token}`, { json: { token: { token } } })
      await ask(`/nowhere?token=${token}`, { headers: { referer: `${service.url}/confirm?token=${token}` } })
    }

    async function mailFaults() {
      const quoting = (word: string) => {
        sink.replies[word as 'RCPT'] = line => `550 5.1.1 refused: ${line} (user ${smtp.user})`
      }
      for (const verb of ['MAIL', 'RCPT']) {
        quoting(verb)
        await signedUp(`refused-at-${verb}`)
        await untilLogged(verb === 'RCPT' ? /letter is undeliverable/ : /will come again/)
        delete sink.replies[verb as 'RCPT']
      }
      sink.replies.AUTH = line => `535 5.7.8 ${line} is wrong`
      await signedUp('refused-at-AUTH')
      await pause(300)
      delete sink.replies.AUTH
    }

    async function untilLogged(pattern: RegExp) {
      for (const deadline = Date.now() + 15_000; !pattern.test(service.log()); await pause(20))
        assert.ok(Date.now() < deadline, `no line of the log has ${pattern}`)
    }

    async function overload() {
      const many = Array.from({ length: 90 }, () => {
        const password = secrets['password of ann']!
        return ask('/v1/accounts', { json: { email: newAddress('crowd'), password } })
      })
      const statuses = (await Promise.all(many)).map(({ status }) => status)
      assert.ok(statuses.includes(503), 'the service was never overloaded')
    }

    // A constraint that no row meets: PostgreSQL tells the whole row in the detail of the error.
    async function databaseFaults() {
      const { database } = service.service
      await sql`alter table account add constraint canary check (false) not valid`.execute(database)
      const [email, password] = [newAddress(canary('faulty')), canary('faulty-password')]
      Object.assign(secrets, { 'password of a failed sign-up': password })
      Object.assign(addresses, { 'address of a failed sign-up': email })
      assert.equal((await ask('/v1/accounts', { json: { email, password } })).status, 500)
      await sql`alter table account drop constraint canary`.execute(database)
      await sql`alter table session rename to lost`.execute(database)
      assert.equal((await exchange(service, secrets['refresh token']!)).status, 500)
      await ask('/v1/account', { headers: { authorization: `Bearer ${secrets['access token']}` } })
      await ask('/account', { headers: { cookie: `auth_refresh_token=${secrets['refresh token']}` } })
      await ask('/oauth2/revoke', { form: { token: secrets['access token']! } })
      await sql`alter table lost rename to session`.execute(database)
    }

    async function poison() {
      const { database } = service.service
      const words = canary('poison')
      Object.assign(addresses, { 'words of a poison message': words })
      await sql`insert into pgboss.job (name, data) values ('account.created', ${JSON.stringify({ words })}::jsonb)`.execute(
        database,
      )
      await untilLogged(/was parked/)
    }

    const nothingFoundIn = (texts: Iterable<[string, string]>, canaries: Canaries) => {
      const sightings = [...texts].flatMap(([place, text]) => sightingsIn(text, canaries, place))
      assert.deepEqual(sightings, [])
    }

    test('[R08] [R83] [R41] no secret lies in any table, in any spelling, and no address in the queue', async () => {
      const rows = await rowsByTable(service.service.database)
      assert.ok(
        [...rows.keys()].some(name => name.startsWith('pgboss.')),
        'the search has looked at the queue',
      )
      assert.ok([...rows.values()].join('').includes(addresses['address of ann']!), 'the search has looked at the rows')
      nothingFoundIn(rows, { ...secrets, ...letterToken })
      const { 'words of a poison message': _, ...people } = addresses
      nothingFoundIn(
        [...rows].filter(([name]) => name.startsWith('pgboss.')),
        people,
      )
    })

    test('[R83] [R76] no secret was logged, in any spelling, at the level trace', () => {
      assert.ok(service.log().includes('"path":"/confirm"'), 'the search has looked at the log')
      nothingFoundIn([['log', service.log()]], { ...secrets, ...letterToken })
    })

    test('[R84] no whole address was logged, nor what a message held', () => {
      assert.ok(service.log().includes('***@example.com'), 'the letters were logged')
      nothingFoundIn([['log', service.log()]], addresses)
    })

    test('[R83] no error answer holds a secret, and none of the interface a token of a letter (Zitadel CVE-2026-105211)', () => {
      const errors = answers.filter(({ status }) => status >= 400)
      assert.ok(errors.length > 15)
      nothingFoundIn(errors.map(({ status, text }) => [String(status), text] as const) as [string, string][], secrets)
      const interfaceAnswers = answers.filter(({ headers }) => headers.get('content-type')?.includes('json'))
      nothingFoundIn(
        interfaceAnswers.map(({ status, text }) => [String(status), text]),
        letterToken,
      )
    })

    test('[R08] no secret lies in the data directory, the secret key in its own file apart', () => {
      const files = [...filesBelow(service.dataDirectory)].filter(([path]) => !path.endsWith('/secret-key'))
      if (kind === 'PGlite') assert.ok(files.length > 100, 'the search has looked at the files')
      nothingFoundIn(files, { ...secrets, ...letterToken })
    })
  })
}

test('a search for canaries finds each spelling', () => {
  const secret = canary('known')
  const finds = (text: string) => sightingsIn(text, { known: secret }, 'here').length > 0
  for (const [name, spelling] of Object.entries(spellingsOf(secret))) assert.ok(finds(`before ${spelling} after`), name)
  for (const encoding of ['base64', 'base64url', 'hex'] as const)
    assert.ok(finds(Buffer.from(`{"x":"${secret}"}`).toString(encoding)), encoding)
  assert.ok(!finds(canary('unknown')))
})
