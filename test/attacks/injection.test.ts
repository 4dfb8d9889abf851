import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { DATABASES } from '../support/database.ts'
import { confirmedAtOnce, letterTokenOf, startUnlimitedService } from '../support/genuine-secrets.ts'
import { newAddress, PASSWORD, send, signUp, type TestService } from '../support/service.ts'
import { rowsByTable } from './secrets/canaries.ts'

const SOURCE = join(import.meta.dirname, '../../src')
const STATEMENTS = [
  "'",
  "''",
  "' or '1'='1",
  "' or 1=1 --",
  "'; drop table account; --",
  "'; update account set status = 'active'; --",
  "' union select password_phc from account --",
  "') returning *; --",
  "\\'; select pg_sleep(5); --",
  '$$; drop table session; $$',
  '$1',
  '?',
  ':email',
  "'||(select version())||'",
  '1; select 1',
  '/*',
  '*/',
  '%',
  '_',
  '\\',
  '\u0000',
  'a\u02bc or 1=1',
  '{"$gt":""}',
  '{{7*7}}',
]

// Family: what a person types and a machine takes for its own language.
for (const kind of DATABASES)
  describe(`a statement in the place of a value on ${kind}`, () => {
    let service: TestService
    before(async () => {
      service = await startUnlimitedService(kind)
    })
    after(() => service[Symbol.asyncDispose]())

    test('[R78] GO-2026-4801 (Kratos): is a value, or refused, and no table is another afterwards', async () => {
      const account = await signUp(service)
      const token = await letterTokenOf(service, account.id)
      const tables = async () => {
        const rows = await rowsByTable(service.service.database)
        return [...rows].filter(([name]) => /^public\.(account|session|signing_key|secret_key)$/.test(name))
      }
      const before = await tables()
      const post = (path: string, json: object) => send(service.url + path, { json })
      for (const text of STATEMENTS) {
        const answers = await Promise.all([
          post('/v1/accounts', { email: text, password: PASSWORD }),
          post('/v1/accounts', { email: `${text}@example.com`, password: 'short' }),
          post('/v1/accounts', { email: newAddress(), password: PASSWORD, locale: text }),
          post('/v1/sessions', { email: text, password: text }),
          post('/v1/confirmations', { token: text, ticket: text }),
          post('/v1/confirmations', { token, ticket: text }),
          post('/v1/confirmation-letters', { ticket: text }),
          send(`${service.url}/oauth2/token`, { form: { grant_type: 'refresh_token', refresh_token: text } }),
          send(`${service.url}/oauth2/token`, {
            form: { grant_type: 'refresh_token', refresh_token: 'x', client_id: text },
          }),
          send(`${service.url}/oauth2/revoke`, { form: { token: text, token_type_hint: text } }),
          send(`${service.url}/confirm?token=${encodeURIComponent(text)}`),
          send(`${service.url}/mailbox/${encodeURIComponent(text)}`),
          send(`${service.url}/mailbox/api/messages?to=${encodeURIComponent(text)}`),
        ])
        for (const [index, { status }] of answers.entries())
          assert.ok(status === 200 || (status >= 400 && status < 500), `${index} with ${text}: ${status}`)
      }
      assert.deepEqual(await tables(), before)
    })

    test('[R78] as a password or as a part of an address is only that', async () => {
      for (const text of ["' or 1=1 -- and more", '$1 $2 $3 $4', '"; drop table account; "']) {
        const account = await confirmedAtOnce(service, { email: newAddress("o'r=1--"), password: text })
        const signIn = (password: string) =>
          send(`${service.url}/v1/sessions`, { json: { email: account.email, password } })
        assert.equal((await signIn(text)).status, 201)
        assert.equal((await signIn(`${text} `)).status, 401)
      }
    })

    test('[R74] CVE-2026-32742 (parse-server): no column of any table can be set by a request', async () => {
      const { rows } = await sql<{ name: string }>`select distinct column_name as name from information_schema.columns
        where table_schema = 'public'`.execute(service.service.database)
      assert.ok(rows.length > 20)
      const ours = { email: newAddress(), password: PASSWORD }
      const account = await signUp(service)
      const bodies: Record<string, object> = {
        '/v1/accounts': ours,
        '/v1/sessions': ours,
        '/v1/confirmations': { token: await letterTokenOf(service, account.id), ticket: account.ticket },
        '/v1/confirmation-letters': { email: ours.email },
      }
      for (const { name } of [...rows, { name: 'role' }, { name: 'is_admin' }, { name: '__proto__' }])
        for (const [path, body] of Object.entries(bodies)) {
          if (name in body || (path === '/v1/accounts' && name === 'locale')) continue
          const json = `${JSON.stringify(body).slice(0, -1)},"${name}":"active"}`
          const headers = { 'content-type': 'application/json' }
          const { status } = await send(service.url + path, { method: 'POST', body: json, headers })
          assert.ok(status === 422 || (name === '__proto__' && status === 400), `${path} took ${name}: ${status}`)
        }
    })

    test('[R74] CVE-2026-32742 (parse-server): no answer shows a column that is none of the asker’s business', async () => {
      const account = await confirmedAtOnce(service)
      const { body } = await send(`${service.url}/v1/accounts`, { json: { email: account.email, password: PASSWORD } })
      assert.deepEqual(Object.keys(body).sort(), ['confirmation', 'created_at', 'email', 'id', 'status'])
      assert.deepEqual(Object.keys(body.confirmation).sort(), ['state', 'ticket'])
      const session = await send(`${service.url}/v1/sessions`, {
        json: { email: account.email, password: account.password },
      })
      assert.deepEqual(Object.keys(session.body).sort(), [
        'account_id',
        'created_at',
        'device_token',
        'expires_at',
        'id',
        'refresh_token',
      ])
      const confirmed = await send(`${service.url}/v1/confirmations`, {
        json: { token: account.token, ticket: account.ticket },
      })
      assert.deepEqual(Object.keys(confirmed.body).sort(), ['account_id', 'confirmed_at', 'email', 'status'])
    })

    test('GHSA-4hmq-ggrm-qfc6 (Directus), GHSA-pgjx-7f9g-9463 (next-auth): markup comes back escaped on every page', async () => {
      const markup = `"><script>alert(1)</script><img src=x onerror='alert(2)'>\`$\{x}\``
      const headers = { origin: service.url }
      const pages = await Promise.all([
        send(`${service.url}/sign-up`, { form: { email: markup, password: markup }, headers }),
        send(`${service.url}/sign-in`, { form: { email: markup, password: markup }, headers }),
        send(`${service.url}/confirm`, { form: { token: markup, password: markup }, headers }),
        send(`${service.url}/confirm/letter`, { form: { email: markup }, headers }),
        send(`${service.url}/confirm?token=${encodeURIComponent(markup)}`),
        send(`${service.url}/${encodeURIComponent(markup)}`),
        send(`${service.url}/v1/${encodeURIComponent(markup)}`),
      ])
      for (const { text, headers: answered } of pages) {
        assert.ok(!text.includes('<script>alert') && !text.includes('<img'), text.slice(0, 300))
        if (text.includes('alert(1)')) assert.match(answered.get('content-security-policy')!, /script-src 'self'/)
      }
    })
  })

/** Statements that take no parameters: those of migrations/, and those about whole tables and databases. */
const ABOUT_THE_DATABASE = ['storage/migrate.ts', 'embedded/database-maintenance.ts', 'embedded/database-creation.ts']

test('[R78] no statement of the source is put together from strings', () => {
  for (const file of globSync('**/*.ts', { cwd: SOURCE })) {
    const text = readFileSync(join(SOURCE, file), 'utf8')
    if (ABOUT_THE_DATABASE.includes(file)) continue
    assert.doesNotMatch(text, /sql\.raw\(|\.raw\(|sql\.ref\(/, file)
    assert.doesNotMatch(text, /\.(query|executeSql|exec)\(\s*`[^`]*\$\{/, file)
    assert.doesNotMatch(text, /sql\s*\(\s*[`'"]/, file)
  }
})

test('[R34] what is secret is compared in constant time', () => {
  const text = readFileSync(join(SOURCE, 'secrets/bearer-secret.ts'), 'utf8')
  assert.match(text, /timingSafeEqual\(this\.#mac\(/)
  for (const file of globSync('{secrets,accounts,sessions,confirmation,pages}/**/*.ts', { cwd: SOURCE }))
    assert.doesNotMatch(
      readFileSync(join(SOURCE, file), 'utf8'),
      /\b(mac|hash|digest|signature|phc)\)?\s*[!=]==(?!\s*undefined)|[!=]==\s*\w*\.?(mac|digest|signature|phc)\b/,
      file,
    )
})
