import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createTestDatabase } from '../support/database.ts'
import { readiness } from '../support/metrics.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { exchange, newAddress, PASSWORD, SECRET_KEY, send } from '../support/service.ts'
import { letterIn, tokenOf } from '../support/sink-letters.ts'
import { openSmtpSink, type SmtpSink } from '../support/smtp-sink.ts'

describe('on PostgreSQL with an outside mail server', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>
  let directory: Awaited<ReturnType<typeof emptyDirectory>>
  let sink: SmtpSink
  let env: Record<string, string>
  before(async () => {
    database = await createTestDatabase()
    directory = await emptyDirectory()
    sink = await openSmtpSink()
    env = {
      AUTH_DATA_DIR: directory.path,
      AUTH_DATABASE_URL: database.url,
      AUTH_SECRET_KEY: SECRET_KEY,
      AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
    }
  })
  after(async () => {
    await sink[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
    await directory[Symbol.asyncDispose]()
  })

  async function walk(accountsUrl: string, confirmationUrl: string) {
    const email = newAddress()
    const { body } = await send(`${accountsUrl}/v1/accounts`, { json: { email, password: PASSWORD } })
    const letter = await letterIn(sink, email)
    const json = { token: tokenOf(letter), ticket: body.confirmation.ticket }
    assert.equal((await send(`${confirmationUrl}/v1/confirmations`, { json })).status, 200)
    const session = await send(`${accountsUrl}/v1/sessions`, { json: { email, password: PASSWORD } })
    const tokens = await exchange({ url: accountsUrl }, session.body.refresh_token)
    assert.equal(tokens.status, 200)
    return { accountsUrl, refreshToken: tokens.body.refresh_token }
  }

  test('one process carries a sign-up through to an access token, and writes nothing to the data directory', async () => {
    await using service = new ServiceProcess(env)
    const url = await service.started()
    await walk(url, url)
    assert.equal((await send(`${url}/mailbox`)).status, 404)
    const { readdir } = await import('node:fs/promises')
    assert.deepEqual(await readdir(directory.path), [])
  })

  test('accounts and confirmation in two processes do, each with its own routes alone', async () => {
    const both = { ...env, AUTH_PUBLIC_URL: 'http://localhost:8080', AUTH_METRICS_LISTEN: '127.0.0.1:0' }
    await using accounts = new ServiceProcess({ ...both, AUTH_MODULES: 'accounts' })
    await using confirmation = new ServiceProcess({ ...both, AUTH_MODULES: 'confirmation' })
    const [accountsUrl, confirmationUrl] = [await accounts.listening(), await confirmation.listening()]
    await walk(accountsUrl, confirmationUrl)
    for (const path of ['/v1/accounts', '/v1/sessions', '/oauth2/token', '/sign-up'])
      assert.equal((await send(`${confirmationUrl}${path}`, { method: 'POST' })).status, 404, path)
    for (const path of ['/v1/confirmations', '/v1/confirmation-letters', '/confirm'])
      assert.equal((await send(`${accountsUrl}${path}`, { method: 'POST' })).status, 404, path)
    const mail = async (service: ServiceProcess) => (await readiness((await service.until(/Metrics +(\S+)/))[1]!)).mail
    assert.equal(await mail(accounts), undefined)
    assert.equal(await mail(confirmation), 'ok')
  })

  test('a letter waits for the process that sends it', async () => {
    const both = { ...env, AUTH_PUBLIC_URL: 'http://localhost:8080', AUTH_METRICS_LISTEN: '127.0.0.1:0' }
    const email = newAddress()
    await using accounts = new ServiceProcess({ ...both, AUTH_MODULES: 'accounts' })
    const { status } = await send(`${await accounts.listening()}/v1/accounts`, { json: { email, password: PASSWORD } })
    assert.equal(status, 201)
    await accounts.kill('SIGTERM')
    assert.ok(!sink.letters.some(({ to }) => to.includes(email)))
    await using confirmation = new ServiceProcess({ ...both, AUTH_MODULES: 'confirmation' })
    await confirmation.listening()
    await letterIn(sink, email)
  })

  test('five processes that start at once on an empty database are fine, and share what they know', async () => {
    await using empty = await createTestDatabase()
    const services = Array.from({ length: 5 }, () => new ServiceProcess({ ...env, AUTH_DATABASE_URL: empty.url }))
    try {
      const urls = await Promise.all(services.map(service => service.started()))
      const { refreshToken } = await walk(urls[0]!, urls[1]!)
      const answers = await Promise.all(urls.map(url => exchange({ url }, refreshToken)))
      assert.equal(new Set(answers.map(({ body }) => body.refresh_token)).size, 1)
      const keys = await Promise.all(urls.map(url => send(`${url}/.well-known/jwks.json`)))
      assert.equal(new Set(keys.map(({ text }) => text)).size, 1)
    } finally {
      await Promise.all(services.map(service => service.kill()))
    }
  })

  test('a secret key that was put behind a new one goes on verifying', async () => {
    const email = newAddress()
    await using first = new ServiceProcess(env)
    const url = await first.started()
    const { body } = await send(`${url}/v1/accounts`, { json: { email, password: PASSWORD } })
    const token = tokenOf(await letterIn(sink, email))
    await first.kill('SIGTERM')

    const newKey = `k2:${Buffer.alloc(32, 'new').toString('base64')}`
    await using tooEarly = new ServiceProcess({ ...env, AUTH_SECRET_KEY: `${newKey},${SECRET_KEY}` })
    assert.match((await tooEarly.ended()).stderr, /"k2", which this database has never seen/)
    await using accepting = new ServiceProcess({ ...env, AUTH_SECRET_KEY: `${SECRET_KEY},${newKey}` })
    await accepting.started()
    await accepting.kill('SIGTERM')
    await using rotated = new ServiceProcess({ ...env, AUTH_SECRET_KEY: `${newKey},${SECRET_KEY}` })
    const newUrl = await rotated.started()
    const json = { token, ticket: body.confirmation.ticket }
    assert.equal((await send(`${newUrl}/v1/confirmations`, { json })).status, 200)
    const session = await send(`${newUrl}/v1/sessions`, { json: { email, password: PASSWORD } })
    assert.match(session.body.refresh_token, /^authsvc_rt_k2\./)
    await rotated.kill('SIGTERM')

    await using withoutOld = new ServiceProcess({ ...env, AUTH_SECRET_KEY: newKey })
    const { code, stderr } = await withoutOld.ended()
    assert.equal(code, 1)
    assert.match(stderr, /secret key "k1", which a process on this database made with/)
  })
})
