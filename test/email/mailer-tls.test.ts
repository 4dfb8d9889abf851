import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import tls from 'node:tls'
import { pino } from 'pino'
import type { EmailAddress } from '../../src/email/address.ts'
import { MailError } from '../../src/email/mail-error.ts'
import { openMailer } from '../../src/email/mailer.ts'
import type { SmtpServer } from '../../src/email/smtp-url.ts'
import { selfSignedCertificate } from '../support/self-signed-certificate.ts'
import { openSmtpSink, type SmtpSinkOptions } from '../support/smtp-sink.ts'

const credentials = { user: 'service', pass: 'a secret' }
const trusted = selfSignedCertificate()
const unknown = selfSignedCertificate()
const authorities = tls.getCACertificates('default')
tls.setDefaultCACertificates([...authorities, trusted.cert])
after(() => tls.setDefaultCACertificates(authorities))

/** Sends one letter and tells what became of it. */
async function send(sinkOptions: SmtpSinkOptions, server: Partial<SmtpServer>) {
  await using sink = await openSmtpSink({ credentials, ...sinkOptions })
  const mailer = openMailer({
    server: { host: '127.0.0.1', port: sink.port, tls: 'starttls', credentials, ...server },
    from: { name: 'Auth service', address: 'no-reply@auth.example' },
    connections: 50,
    logger: pino({ level: 'silent' }),
  })
  const error = await mailer
    .send({
      to: 'ann@example.com' as EmailAddress,
      subject: 'A letter',
      text: 'text',
      html: '<p>text</p>',
      language: 'en',
      messageId: '<1@auth.example>',
      date: new Date(),
    })
    .catch(error => error as MailError)
  await mailer.close()
  return { error, letters: sink.letters, lines: sink.lines, health: mailer.health() }
}

/** Not a word of the letter or the credentials went over the wire. */
function assertNothingSaid({ error, letters, lines, health }: Awaited<ReturnType<typeof send>>): void {
  assert.ok(error instanceof MailError)
  assert.equal(error.kind, 'temporary')
  assert.equal(health, 'degraded')
  assert.deepEqual(letters, [])
  assert.deepEqual(
    lines.filter(line => /^(AUTH|MAIL|RCPT|DATA)/.test(line)),
    [],
  )
}

describe('with STARTTLS [R20]', () => {
  test('credentials and letter travel encrypted', async () => {
    const { error, letters, lines } = await send({ tls: 'starttls', certificate: trusted }, {})
    assert.equal(error, undefined)
    assert.deepEqual(
      letters.map(({ isEncrypted }) => isEncrypted),
      [true],
    )
    assert.ok(lines.indexOf('STARTTLS') < lines.findIndex(line => line.startsWith('AUTH')))
  })

  test('nothing is said to a server that does not offer it', async () => {
    assertNothingSaid(await send({ tls: 'none' }, {}))
  })

  test('nothing is said to a server that takes the offer back', async () => {
    assertNothingSaid(await send({ tls: 'starttls', replies: { STARTTLS: '454 4.7.0 not available' } }, {}))
  })

  test('nothing is said to a server with a certificate that nobody vouches for', async () => {
    const result = await send({ tls: 'starttls', certificate: unknown }, {})
    assertNothingSaid(result)
    assert.match(String(result.error?.message), /self-signed certificate/)
  })

  test('nothing is said to a server with the certificate of another host', async () => {
    const other = selfSignedCertificate('other.example')
    tls.setDefaultCACertificates([...tls.getCACertificates('default'), other.cert])
    assertNothingSaid(await send({ tls: 'starttls', certificate: other }, { host: 'localhost' }))
  })
})

describe('with TLS from the first byte [R20]', () => {
  test('credentials and letter travel encrypted', async () => {
    const { error, letters } = await send({ tls: 'implicit', certificate: trusted }, { tls: 'implicit' })
    assert.equal(error, undefined)
    assert.deepEqual(
      letters.map(({ isEncrypted }) => isEncrypted),
      [true],
    )
  })

  test('nothing is said to a server with a certificate that nobody vouches for', async () => {
    assertNothingSaid(await send({ tls: 'implicit', certificate: unknown }, { tls: 'implicit' }))
  })

  test('nothing is said to a server that speaks plainly', async () => {
    assertNothingSaid(await send({ tls: 'none' }, { tls: 'implicit' }))
  })
})

test('without TLS, an offer of it is left alone', async () => {
  const { error, letters, lines } = await send({ tls: 'starttls', certificate: unknown }, { tls: 'none' })
  assert.equal(error, undefined)
  assert.deepEqual(
    letters.map(({ isEncrypted }) => isEncrypted),
    [false],
  )
  assert.ok(!lines.includes('STARTTLS'))
})
