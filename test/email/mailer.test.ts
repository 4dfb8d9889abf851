import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { simpleParser } from 'mailparser'
import { pino } from 'pino'
import type { EmailAddress } from '../../src/email/address.ts'
import { MailError } from '../../src/email/mail-error.ts'
import { type MailerOptions, type OutgoingLetter, openMailer } from '../../src/email/mailer.ts'
import { openSmtpSink, type SmtpSink } from '../support/smtp-sink.ts'

const silent = pino({ level: 'silent' })

function mailerFor({ port }: Pick<SmtpSink, 'port'>, options: Partial<MailerOptions> = {}) {
  const mailer = openMailer({
    server: { host: '127.0.0.1', port, tls: 'none' },
    from: { name: 'Auth service', address: 'no-reply@auth.example' },
    logger: silent,
    ...options,
  })
  return { ...mailer, [Symbol.asyncDispose]: () => mailer.close() }
}

const letter = (changes: Partial<OutgoingLetter> = {}): OutgoingLetter => ({
  to: 'ann@example.com' as EmailAddress,
  subject: 'Confirm your address',
  text: 'Follow https://auth.example/confirm?token=x',
  html: '<p>Follow <a href="https://auth.example/confirm?token=x">this</a></p>',
  language: 'de',
  messageId: '<1@auth.example>',
  date: new Date('2026-01-02T03:04:05Z'),
  ...changes,
})

async function failureOf(sending: Promise<void>): Promise<MailError> {
  const error = await sending.then(
    () => assert.fail('the letter was taken'),
    error => error,
  )
  assert.ok(error instanceof MailError, String(error))
  return error
}

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 5_000; !holds(); await pause(10)) assert.ok(Date.now() < deadline, 'it never came')
}

describe('a letter', () => {
  test('goes to its one recipient, in text and HTML, marked as sent by a machine [R15, R22]', async () => {
    await using sink = await openSmtpSink()
    await using mailer = mailerFor(sink)
    await mailer.send(letter())
    const [{ from, to, raw }] = sink.letters as [SmtpSink['letters'][0]]
    assert.deepEqual({ from, to }, { from: 'no-reply@auth.example', to: ['ann@example.com'] })
    const mail = await simpleParser(raw)
    assert.equal(mail.from?.text, '"Auth service" <no-reply@auth.example>')
    assert.equal(mail.subject, 'Confirm your address')
    assert.equal(mail.messageId, '<1@auth.example>')
    assert.deepEqual(mail.date, new Date('2026-01-02T03:04:05Z'))
    assert.equal(mail.headers.get('auto-submitted'), 'auto-generated')
    assert.equal(mail.headers.get('content-language'), 'de')
    assert.equal(mail.headers.has('x-mailer'), false)
    assert.match(mail.text ?? '', /confirm\?token=x/)
    assert.match(mail.html || '', /<a href/)
  })

  test('keeps a name and a subject of any characters in one header each [R21]', async () => {
    await using sink = await openSmtpSink()
    const from = { name: 'Büro, "Auth" <x@evil.example>', address: 'no-reply@auth.example' }
    await using mailer = mailerFor(sink, { from })
    await mailer.send(letter({ subject: 'Grüße\r\nBcc: evil@example.com' }))
    const [{ raw, to }] = sink.letters as [SmtpSink['letters'][0]]
    const mail = await simpleParser(raw)
    assert.deepEqual(mail.from?.value, [{ name: from.name, address: from.address }])
    assert.equal(mail.subject, 'Grüße Bcc: evil@example.com')
    assert.equal(mail.bcc, undefined)
    assert.deepEqual(to, ['ann@example.com'])
  })

  // The class of CVE-2025-13033 of nodemailer: an address that its parser takes for another.
  for (const address of [
    'a<x@evil.com>@example.com',
    '"e@evil.com"@example.com',
    'ann@example.com, evil@example.com',
    'ann@example.com>\r\nRCPT TO:<evil@example.com',
    'Ann@example.com',
  ])
    test(`is not sent to ${JSON.stringify(address)}, which is no canonical address`, async () => {
      await using sink = await openSmtpSink()
      await using mailer = mailerFor(sink)
      const { kind } = await failureOf(mailer.send(letter({ to: address as EmailAddress })))
      assert.equal(kind, 'address_refused')
      assert.deepEqual(
        sink.lines.filter(line => /^RCPT/.test(line)),
        [],
      )
    })

  test('travels with others on a few connections, which are kept', async () => {
    await using sink = await openSmtpSink()
    await using mailer = mailerFor(sink)
    await Promise.all(Array.from({ length: 200 }, (_, n) => mailer.send(letter({ messageId: `<${n}@auth.example>` }))))
    assert.equal(sink.letters.length, 200)
    assert.ok(sink.connections <= 6, `${sink.connections} connections`) // five, and one that asked at the start
  })

  test('goes out over another connection when the kept one has been closed', async () => {
    await using sink = await openSmtpSink()
    await using mailer = mailerFor(sink)
    await mailer.send(letter())
    sink.replies.MAIL = () => {
      delete sink.replies.MAIL
      return 'drop'
    }
    await mailer.send(letter({ messageId: '<2@auth.example>' }))
    assert.equal(sink.letters.length, 2)
    assert.equal(mailer.health(), 'ok')
  })
})

describe('a refusal', () => {
  const cases: {
    verb: 'connect' | 'MAIL' | 'RCPT' | 'DATA' | 'letter'
    reply: string
    kind: MailError['kind']
    health: string
  }[] = [
    { verb: 'RCPT', reply: '550 5.1.1 no such user', kind: 'address_refused', health: 'ok' },
    { verb: 'RCPT', reply: '550 5.1.10 null MX', kind: 'address_refused', health: 'ok' },
    { verb: 'RCPT', reply: '554 5.2.1 disabled', kind: 'address_refused', health: 'ok' },
    { verb: 'RCPT', reply: '550 no', kind: 'address_refused', health: 'ok' },
    { verb: 'RCPT', reply: '551 no', kind: 'address_refused', health: 'ok' },
    { verb: 'RCPT', reply: '553 no', kind: 'address_refused', health: 'ok' },
    { verb: 'letter', reply: '550 5.1.1 no such user', kind: 'address_refused', health: 'ok' },
    { verb: 'RCPT', reply: '550 5.7.1 relaying denied', kind: 'refused', health: 'degraded' },
    { verb: 'RCPT', reply: '550 5.1.8 sender domain unknown', kind: 'refused', health: 'degraded' },
    { verb: 'RCPT', reply: '552 5.2.2 mailbox full', kind: 'refused', health: 'degraded' },
    { verb: 'RCPT', reply: '554 no', kind: 'refused', health: 'degraded' },
    { verb: 'letter', reply: '550 spam', kind: 'refused', health: 'degraded' },
    { verb: 'letter', reply: '554 5.6.0 spam', kind: 'refused', health: 'degraded' },
    { verb: 'MAIL', reply: '550 5.1.0 you may not send', kind: 'refused', health: 'degraded' },
    { verb: 'MAIL', reply: '550 no', kind: 'refused', health: 'degraded' },
    { verb: 'MAIL', reply: '451 4.3.0 later', kind: 'temporary', health: 'degraded' },
    { verb: 'RCPT', reply: '450 4.2.1 greylisted', kind: 'temporary', health: 'ok' },
    { verb: 'RCPT', reply: '451 4.1.1 not now', kind: 'temporary', health: 'ok' },
    { verb: 'DATA', reply: '452 4.3.1 disk full', kind: 'temporary', health: 'ok' },
    { verb: 'letter', reply: '451 4.7.1 greylisted', kind: 'temporary', health: 'ok' },
    { verb: 'connect', reply: '421 4.3.2 too busy', kind: 'temporary', health: 'degraded' },
    { verb: 'connect', reply: '554 go away', kind: 'refused', health: 'degraded' },
    { verb: 'connect', reply: 'drop', kind: 'temporary', health: 'degraded' },
    { verb: 'letter', reply: 'drop', kind: 'temporary', health: 'degraded' },
  ]
  for (const { verb, reply, kind, health } of cases)
    test(`of ${verb === 'letter' ? 'the letter' : verb} by ${reply} is ${kind}, and the server ${health}`, async () => {
      await using sink = await openSmtpSink()
      await using mailer = mailerFor(sink)
      await until(() => mailer.health() === 'ok')
      sink.replies[verb] = reply
      const error = await failureOf(mailer.send(letter()))
      assert.equal(error.kind, kind, error.message)
      assert.equal(mailer.health(), health)
      assert.equal(error.replyCode, Number(reply.slice(0, 3)) || undefined)
      assert.equal(error.enhancedCode, /\d\.\d+\.\d+/.exec(reply)?.[0])
    })

  test('is told without the address', async () => {
    await using sink = await openSmtpSink({
      replies: {
        RCPT: '550 5.1.1 <Ann.Lee@Example.com>: user ann.lee unknown at example.com, ask postmaster@example.com',
      },
    })
    await using mailer = mailerFor(sink)
    const { message, stack } = await failureOf(mailer.send(letter({ to: 'ann.lee@example.com' as EmailAddress })))
    assert.doesNotMatch(message + stack, /ann\.lee|postmaster/i)
    assert.match(message, /answered RCPT TO with 550 5\.1\.1 <\[address\]>: user \[address\] unknown/)
  })

  test('of the credentials is told without them', async () => {
    const credentials = { user: 'service-user', pass: 'hunter2-secret' }
    await using sink = await openSmtpSink({
      credentials,
      replies: {
        AUTH: line => `535 5.7.8 not ${Buffer.from(line.split(' ')[2]!, 'base64').toString().slice(1)} ${line}`,
      },
    })
    await using mailer = mailerFor(sink, { server: { host: '127.0.0.1', port: sink.port, tls: 'none', credentials } })
    const error = await failureOf(mailer.send(letter()))
    assert.equal(error.kind, 'refused')
    assert.equal(error.command, 'AUTH PLAIN')
    const secrets = /service-user|hunter2|c2VydmljZS|aHVudGVy/
    assert.doesNotMatch(JSON.stringify(error) + error.message + error.stack, secrets)
    assert.equal(mailer.health(), 'degraded')
    assert.doesNotMatch(String(mailer.lastError()?.message), secrets)
  })
})

describe('the health of the mail server', () => {
  test('is known before the first letter, and whoever wants to know is told once', async () => {
    await using sink = await openSmtpSink()
    const told: string[] = []
    await using mailer = mailerFor(sink, { onHealth: health => told.push(health) })
    assert.equal(mailer.health(), 'unknown')
    await until(() => mailer.health() === 'ok')
    await mailer.send(letter())
    assert.deepEqual(told, ['ok'])
    assert.equal(mailer.lastError(), undefined)
  })

  test('is degraded while nobody listens there, and comes back by itself', async () => {
    const first = await openSmtpSink()
    await first.close()
    const told: string[] = []
    await using mailer = mailerFor(first, { onHealth: health => told.push(health) })
    await until(() => mailer.health() === 'degraded')
    assert.equal((await failureOf(mailer.send(letter()))).kind, 'temporary')
    assert.match(String(mailer.lastError()?.message), /ECONNREFUSED/)
    await using second = await openSmtpSink({ port: first.port })
    await until(() => mailer.health() === 'ok')
    assert.equal(second.letters.length, 0)
    assert.deepEqual(told, ['degraded', 'ok'])
  })

  test('stays degraded while letters are refused, until one is taken', async () => {
    await using sink = await openSmtpSink({ replies: { MAIL: '550 5.7.1 you may not send' } })
    await using mailer = mailerFor(sink)
    await until(() => mailer.health() === 'ok')
    await failureOf(mailer.send(letter()))
    await pause(1_500) // a probe after a second would have gone well
    assert.equal(mailer.health(), 'degraded')
    delete sink.replies.MAIL
    await mailer.send(letter())
    assert.equal(mailer.health(), 'ok')
  })

  test('is degraded when the credentials are refused, before the first letter', async () => {
    const credentials = { user: 'service', pass: 'wrong' }
    await using sink = await openSmtpSink({ credentials: { user: 'service', pass: 'right' } })
    await using mailer = mailerFor(sink, { server: { host: '127.0.0.1', port: sink.port, tls: 'none', credentials } })
    await until(() => mailer.health() === 'degraded')
    assert.equal(mailer.lastError()?.replyCode, 535)
  })
})

describe('closing', () => {
  test('waits for the letters under way', async () => {
    await using sink = await openSmtpSink()
    const mailer = mailerFor(sink)
    const sending = Array.from({ length: 20 }, () => mailer.send(letter()))
    await mailer.close()
    await Promise.all(sending)
    assert.equal(sink.letters.length, 20)
  })

  test('gives up a letter that the server does not answer, which then counts as not sent', async () => {
    await using sink = await openSmtpSink({ replies: { letter: 'silence' } })
    const mailer = mailerFor(sink)
    const sending = failureOf(mailer.send(letter()))
    await until(() => sink.lines.includes('DATA'))
    const began = performance.now()
    await mailer.close(200)
    assert.ok(performance.now() - began < 2_000)
    assert.equal((await sending).kind, 'temporary')
  })

  test('ends the connections, and what asked for the health', async () => {
    await using sink = await openSmtpSink({ replies: { connect: 'silence' } })
    const mailer = mailerFor(sink)
    await until(() => sink.connections === 1)
    await mailer.close()
    assert.equal(mailer.health(), 'unknown')
    assert.equal((await failureOf(mailer.send(letter()))).kind, 'temporary')
  })
})
