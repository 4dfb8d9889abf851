import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { simpleParser } from 'mailparser'
import { pino } from 'pino'
import { canonicalEmailAddress } from '../../src/email/address.ts'
import { openMailer } from '../../src/email/mailer.ts'
import { startUnlimitedService } from '../support/genuine-secrets.ts'
import { newAddress, PASSWORD, send, type TestService } from '../support/service.ts'
import { letterIn } from '../support/sink-letters.ts'
import { openSmtpSink, type SmtpSink } from '../support/smtp-sink.ts'

const told = ({ lines }: SmtpSink, verb: string) => lines.filter(line => line.toUpperCase().startsWith(verb))
const escaped = (text: string) => text.replace(/[^a-z0-9]/g, '\\$&')
const VERBS = ['EHLO', 'MAIL', 'RCPT', 'DATA', 'RSET', 'QUIT']

/** Addresses that mail libraries and servers have read otherwise than whoever checked them, with whose fault it was. */
const HOSTILE: Record<string, string[]> = {
  'CVE-2025-8419 (Keycloak)': [
    'a@b.example>\r\nRCPT TO:<eve@attacker.example',
    'a\r\nDATA\r\n@b.example',
    'a\u0000b@c.example',
    'a@b.example\u2028',
  ],
  'CVE-2025-13033 (nodemailer), GHSA-5jpx-9hw9-2fx4 (next-auth)': [
    '"e@attacker.example"@victim.example',
    '"e@attacker.example x"@victim.example',
    "e@attacker.example'@victim.example",
    '<e@attacker.example>@victim.example',
    'e@attacker.example(@victim.example)',
  ],
  'GHSA-7rqj-j65f-68wh (next-auth)': [
    'a\uff20b.example@victim.example',
    'a\ufe6bb.example@c.example',
    'a@b\uff20c.example',
    'a\uff20\ufe6bb.example',
  ],
  'GHSA-xv97-c62v-4587 (next-auth)': [
    'a@x.example,b@y.example',
    'a@x.example;b@y.example',
    'a@x.example b@y.example',
    'a@x.example\tb@y.example',
  ],
  'GHSA-c7w3-x93f-qmm8 (nodemailer)': [
    'a@b.example SIZE=1',
    'a@b.example> NOTIFY=NEVER',
    `a@${'b'.repeat(64)}.example`,
    `a@${'b.'.repeat(130)}example`,
  ],
  'groups and routes of RFC 5322': [
    'g: a@b.example;',
    '@x.example:a@b.example',
    'Ann <a@b.example>',
    'a@[127.0.0.1]',
    'a@[IPv6:::1]',
    'a@localhost',
    'a@1.2.3.4',
  ],
}

const CHARACTERS = [
  'a',
  'B',
  '.',
  '-',
  '+',
  '_',
  "'",
  '"',
  '@',
  '<',
  '>',
  '(',
  ')',
  ',',
  ';',
  ':',
  '\\',
  ' ',
  '\r',
  '\n',
  '\0',
  '\t',
  '%',
  '!',
  '&',
  '`',
  '{',
  'ß',
  'ü',
  'İ',
  'K',
  '＠',
  '．',
  '。',
  'ﬁ',
  '①',
  '\u200d',
  '\ud800',
  '🦔',
  'xn--',
]
const domainPart = fc.oneof(
  fc.domain(),
  fc.string({ unit: fc.constantFrom(...CHARACTERS), maxLength: 12 }).map(text => `${text}.example`),
)
const localPart = fc.oneof(
  fc.stringMatching(/^[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]{1,20}$/),
  fc.string({ unit: fc.constantFrom(...CHARACTERS), minLength: 1, maxLength: 10 }),
)
const typedAddress = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(localPart, domainPart).map(([local, domain]) => `${local}@${domain}`) },
  { weight: 1, arbitrary: fc.emailAddress() },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
)

// Family: an address that is not what it seems.
describe('the address of a letter', () => {
  let sink: SmtpSink
  let service: TestService
  before(async () => {
    sink = await openSmtpSink()
    service = await startUnlimitedService('PostgreSQL', {
      env: {
        AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
        AUTH_MAIL_FROM: `"Ann & Bob's, Ltd" <no-reply@auth.example>`,
      },
    })
  })
  after(async () => {
    await service?.[Symbol.asyncDispose]()
    await sink[Symbol.asyncDispose]()
  })

  const signUp = (email: string) => send(`${service.url}/v1/accounts`, { json: { email, password: PASSWORD } })

  for (const [advisory, addresses] of Object.entries(HOSTILE))
    test(`[R15] ${advisory}: an address of two meanings is refused everywhere, and nobody is written to`, async () => {
      const before = sink.lines.filter(line => line.startsWith('RCPT')).length
      for (const email of addresses) {
        const answers = await Promise.all([
          signUp(email),
          send(`${service.url}/v1/sessions`, { json: { email, password: PASSWORD } }),
          send(`${service.url}/v1/confirmation-letters`, { json: { email } }),
        ])
        for (const { status, body } of answers) {
          assert.equal(status, 422, JSON.stringify(email))
          assert.equal(body.errors[0].code, 'email_invalid')
        }
      }
      await letterIn(sink, (await signUp(newAddress())).body.email)
      assert.equal(sink.lines.filter(line => line.startsWith('RCPT')).length, before + 1)
    })

  test('[R15] [R16] what the service answers, and what the mail server is told, is the canonical form', async () => {
    const tail = newAddress('x').slice(1).replace('example.com', 'b\u00fccher.example')
    for (const typed of [
      `O'Brien+tag${tail}`,
      `\uff21nn${tail.toUpperCase()}`,
      `a!b%c${tail}`,
      `{x}|~${tail.replace('.example', '\u3002example')}`,
    ]) {
      const { status, body } = await signUp(typed)
      assert.equal(status, 201, typed)
      assert.equal(body.email, canonicalEmailAddress(typed))
      const letter = await letterIn(sink, body.email)
      assert.deepEqual(letter.to, [body.email])
      const { to } = await simpleParser(letter.raw)
      assert.equal(canonicalEmailAddress([to].flat()[0]!.value[0]!.address!), body.email) // the parser shows U-labels
    }
  })

  test('[R15] thousands of typed addresses: each that is accepted is told to the mail server as it is, and nothing else', async () => {
    await using sink = await openSmtpSink()
    const mailer = openMailer({
      server: { host: '127.0.0.1', port: sink.port, tls: 'none' },
      from: { name: 'Auth service', address: 'no-reply@auth.example' },
      connections: 50,
      logger: pino({ level: 'silent' }),
    })
    const accepted = fc.sample(typedAddress, 4_000).flatMap(typed => canonicalEmailAddress(typed) ?? [])
    assert.ok(accepted.length > 1_000, `${accepted.length} were accepted`)
    const facts = { text: 'x', html: 'x', language: 'en', messageId: '<1@auth.example>', date: new Date() }
    await Promise.all(accepted.map(to => mailer.send({ to, subject: to, ...facts })))
    await mailer.close()
    assert.deepEqual(told(sink, 'RCPT').sort(), accepted.map(to => `RCPT TO:<${to}>`).sort())
    assert.equal(told(sink, 'MAIL').length, accepted.length)
    for (const { to, raw } of sink.letters) assert.match(raw, new RegExp(`^To:(?:\\r\\n)? ${escaped(to[0]!)}\\r$`, 'm'))
    assert.deepEqual(
      sink.lines.filter(line => !VERBS.includes(line.split(/[ :]/, 1)[0]!)),
      [],
    )
  })

  test('[R21] GHSA-pgjx-7f9g-9463 (next-auth): neither the address nor the service’s name is HTML or a header in a letter', async () => {
    const email = `o'brien&co\`{x}=y${newAddress('z')}`
    const { body } = await signUp(email)
    const letter = await letterIn(sink, body.email)
    const { html, subject, headers, headerLines, attachments } = await simpleParser(letter.raw)
    assert.deepEqual(
      [...String(html).matchAll(/<\/?([a-z!]+)/g)]
        .map(([, name]) => name)
        .filter(name => !['!doctype', 'html', 'meta', 'title', 'body', 'p', 'a'].includes(name!)),
      [],
    )
    assert.ok(String(html).includes('Ann &amp; Bob&#39;s, Ltd'))
    assert.equal(subject, `Confirm your address for Ann & Bob's, Ltd`)
    assert.deepEqual(attachments, [])
    for (const name of ['to', 'from', 'subject', 'message-id', 'date', 'content-type'])
      assert.equal(headerLines.filter(({ key }) => key === name).length, 1, name)
    assert.equal(headers.get('bcc'), undefined)
  })

  test('[R22] a letter says that a machine has sent it, and bears a Message-ID of its own', async () => {
    const letters = await Promise.all([1, 2].map(async () => letterIn(sink, (await signUp(newAddress())).body.email)))
    for (const { raw, messageId } of letters) {
      assert.match(raw, /^auto-submitted: auto-generated\r$/im)
      assert.match(messageId, /^<[0-9a-f-]{36}\.confirmation@localhost>$/)
      assert.doesNotMatch(raw, /^(x-mailer|bcc|cc|reply-to|list-unsubscribe):/im)
    }
    assert.notEqual(letters[0]!.messageId, letters[1]!.messageId)
  })

  test('[R21] no word of whoever signs up gets into a letter but the address', async () => {
    const words = 'win-a-prize-at-attacker-example'
    const json = { email: newAddress(), password: `${words} ${words}`, locale: 'en-attacker' }
    const headers = {
      'user-agent': words,
      referer: `https://${words}.example`,
      'accept-language': words,
      cookie: words,
    }
    const { body } = await send(`${service.url}/v1/accounts`, { json, headers })
    assert.ok(!(await letterIn(sink, body.email)).raw.includes(words))
  })
})

// nodemailer GHSA-vvjj-xcjg-gr5g: commands through the settings of the connection
for (const [name, value] of [
  ['AUTH_MAIL_FROM', 'Ann\r\nBcc: eve@attacker.example <no-reply@auth.example>'],
  ['AUTH_MAIL_FROM', 'Ann <no-reply@auth.example>\r\nRCPT TO:<eve@attacker.example>'],
  ['AUTH_MAIL_FROM', 'Ann <"a b"@auth.example>'],
  ['AUTH_MAIL_FROM', '"<b>Ann</b>" <no-reply@auth.example>'],
  ['AUTH_SMTP_URL', 'smtp://127.0.0.1:25\r\nMAIL'],
  ['AUTH_SMTP_URL', 'smtp://mail.example/?name=a%0d%0aMAIL'],
] as const)
  test(`[R15] GHSA-vvjj-xcjg-gr5g (nodemailer): ${name}=${JSON.stringify(value)} is refused`, () =>
    assert.rejects(startUnlimitedService('PostgreSQL', { env: { [name]: value } }), new RegExp(name)))
