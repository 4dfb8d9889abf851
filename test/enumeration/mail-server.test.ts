import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { send, signUp, startTestService } from '../support/service.ts'
import { letterIn, tokenOf } from '../support/sink-letters.ts'
import { openSmtpSink } from '../support/smtp-sink.ts'
import { runWithInput } from './audit-process.ts'

describe('a service with a mail server', () => {
  const PASSWORD = 'the password of the operator'
  let parts: AsyncDisposableStack
  let url: string
  let confirmed: string[]
  before(async () => {
    parts = new AsyncDisposableStack()
    const sink = parts.use(await openSmtpSink())
    const env = { AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`, AUTH_RATE_LIMITS: 'off' }
    const service = parts.use(await startTestService('PGlite', { env }))
    const accounts = [await signUp(service, { password: PASSWORD }), await signUp(service, { password: PASSWORD })]
    for (const { email, ticket } of accounts) {
      const token = tokenOf(await letterIn(sink, email))
      const { status } = await send(`${service.url}/v1/confirmations`, { json: { token, ticket } })
      assert.equal(status, 200)
    }
    url = service.url
    confirmed = accounts.flatMap(({ email }) => ['--confirmed', email])
  })
  after(() => parts.disposeAsync())

  test('is asked about confirmed accounts of the operator', async () => {
    const args = ['--url', url, ...confirmed, '--domain', 'example.com', '--no-latency']
    const { code, stdout, stderr } = await runWithInput(`${PASSWORD}\n`, ...args)
    assert.equal(code, 0, stdout + stderr)
    assert.match(stdout, /^sign-in, 12 in a row +POST \/v1\/sessions +401 +alike +alike/m)
    assert.match(stdout, /^The addresses cannot be told apart\.$/m)
  })

  const refused: { what: string; input: string; args: () => string[]; says: RegExp }[] = [
    {
      what: 'with a password that is not theirs',
      input: 'another password\n',
      args: () => [...confirmed, '--domain', 'example.com', '--no-latency'],
      says: /Needed: the sign-in of the confirmed account .*201\nFound: +401 invalid_credentials/,
    },
    {
      what: 'without a domain',
      input: `${PASSWORD}\n`,
      args: () => [...confirmed, '--no-latency'],
      says: /Needed: --domain, one of yours/,
    },
    {
      what: 'with fewer of them than the samples need',
      input: `${PASSWORD}\n`,
      args: () => [...confirmed, '--domain', 'example.com'],
      says: /Needed: 1000 confirmed accounts of yours for 2000 samples\nFound: +2 --confirmed/,
    },
  ]
  for (const { what, input, args, says } of refused)
    test(`is not asked ${what}`, async () => {
      const { code, stderr } = await runWithInput(input, '--url', url, ...args())
      assert.equal(code, 2)
      assert.match(stderr, says)
    })
})
