import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { simpleParser } from 'mailparser'
import { pino } from 'pino'
import type { EmailAddress } from '../../src/email/address.ts'
import { MailError } from '../../src/email/mail-error.ts'
import { type MailerOptions, type OutgoingLetter, openMailer, openMailers } from '../../src/email/mailer.ts'
import { openSmtpSink, type SmtpSink } from '../support/smtp-sink.ts'

const silent = pino({ level: 'silent' })

const optionsFor = ({ port }: Pick<SmtpSink, 'port'>, options: Partial<MailerOptions>): MailerOptions => ({
  server: { host: '127.0.0.1', port, tls: 'none' },
  from: { name: 'Auth service', address: 'no-reply@auth.example' },
  connections: 50,
  logger: silent,
  ...options,
})

function mailerFor(sink: Pick<SmtpSink, 'port'>, options: Partial<MailerOptions> = {}) {
  const mailer = openMailer(optionsFor(sink, options))
  return { ...mailer, [Symbol.asyncDispose]: () => mailer.close() }
}

function mailersFor(sink: Pick<SmtpSink, 'port'>, options: Partial<MailerOptions> = {}) {
  const mailers = openMailers(optionsFor(sink, options))
  return { ...mailers, [Symbol.asyncDispose]: () => mailers.close() }
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
    // The answer may be the recipient's own server's; whether it is for everybody, further recipients tell.
    { verb: 'RCPT', reply: '550 5.7.1 relaying denied', kind: 'refused', health: 'ok' },
    { verb: 'RCPT', reply: '550 5.1.8 sender domain unknown', kind: 'refused', health: 'ok' },
    { verb: 'RCPT', reply: '552 5.2.2 mailbox full', kind: 'refused', health: 'ok' },
    { verb: 'RCPT', reply: '554 no', kind: 'refused', health: 'ok' },
    { verb: 'letter', reply: '550 spam', kind: 'refused', health: 'ok' },
    { verb: 'letter', reply: '554 5.6.0 spam', kind: 'refused', health: 'ok' },
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

  test('is degraded by a relay that refuses everybody, and comes back with the first letter that it takes', async () => {
    await using sink = await openSmtpSink({ replies: { RCPT: '550 5.7.1 relaying denied' } })
    await using mailer = mailerFor(sink)
    await until(() => mailer.health() === 'ok')
    for (const domain of ['a.example', 'b.example', 'c.example'])
      await failureOf(mailer.send(letter({ to: `ann@${domain}` as EmailAddress })))
    assert.equal(mailer.health(), 'degraded')
    assert.match(String(mailer.lastError()?.message), /relaying denied/)
    delete sink.replies.RCPT
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

describe('many emails', () => {
  const sendMany = (mailer: Pick<ReturnType<typeof mailerFor>, 'send'>, count: number) =>
    Promise.allSettled(
      Array.from({ length: count }, (_, n) => mailer.send(letter({ messageId: `<${n}@auth.example>` }))),
    )

  test('to a slow server travel on as many connections as are allowed, which are kept', async () => {
    await using sink = await openSmtpSink({ untilTaken: () => pause(100) })
    await using mailer = mailerFor(sink, { connections: 20 })
    await sendMany(mailer, 400)
    assert.equal(sink.letters.length, 400)
    assert.equal(sink.mostInHand, 20)
    assert.ok(sink.connections <= 21, `${sink.connections} connections`) // and one that asked at the start
    assert.equal(mailer.concurrency(), 20)
    assert.ok(mailer.lastDelivery() >= 90)
  })

  test('to a server that takes few connections become as many at once as it takes, and all arrive', async () => {
    const most = 8
    await using sink = await openSmtpSink({ untilTaken: () => pause(50) })
    await using mailer = mailerFor(sink)
    await until(() => mailer.health() === 'ok')
    sink.replies.connect = () => (sink.open > most ? '421 4.7.0 too many connections' : undefined)
    const wanted = Array.from({ length: 300 }, (_, n) => letter({ messageId: `<${n}@auth.example>` }))
    let failures = 0
    const deliver = async (email: OutgoingLetter): Promise<void> =>
      mailer.send(email).catch(error => {
        assert.equal(error.replyCode, 421)
        failures++
        return deliver(email)
      })
    await Promise.all(wanted.map(deliver))
    assert.equal(new Set(sink.letters.map(({ raw }) => /^message-id:.*/im.exec(raw)![0])).size, 300)
    assert.ok(failures > 0, 'the limit was met')
    assert.ok(failures < 100, `${failures} failures`) // each growth beyond the limit costs a few
    assert.ok(mailer.concurrency() <= 2 * most, `${mailer.concurrency()} at once`)
  })

  for (const [verb, reply] of [
    ['letter', '451 4.3.2 overloaded'],
    ['MAIL', '452 4.3.1 no space'],
    ['MAIL', '421 4.3.2 shutting down'],
    ['letter', 'drop'],
  ] as const)
    test(`become fewer at once while the server says ${reply} to ${verb}, and more again later`, async () => {
      await using sink = await openSmtpSink({ untilTaken: () => pause(20) })
      await using mailer = mailerFor(sink)
      await sendMany(mailer, 300)
      assert.equal(mailer.concurrency(), 50)
      sink.replies[verb] = reply
      await sendMany(mailer, 100)
      const low = mailer.concurrency()
      assert.ok(low <= 25, `${low} at once`)
      delete sink.replies[verb]
      await sendMany(mailer, 300)
      assert.ok(mailer.concurrency() > low, `${mailer.concurrency()} at once, after ${low}`)
    })

  test('remain as many at once when the server refuses recipients', async () => {
    const replies = ['550 5.1.1 no such user', '452 4.2.2 mailbox full', '450 4.2.1 greylisted']
    await using sink = await openSmtpSink({ untilTaken: () => pause(20) })
    await using mailer = mailerFor(sink)
    await sendMany(mailer, 300)
    for (const reply of replies) {
      sink.replies.RCPT = reply
      await sendMany(mailer, 100)
    }
    assert.equal(mailer.concurrency(), 50)
  })

  test('are recorded before others take their places, so that few are sent and not recorded', async () => {
    await using sink = await openSmtpSink()
    await using mailer = mailerFor(sink, { connections: 10 })
    let [unrecorded, most] = [0, 0]
    const recorded = Promise.withResolvers<void>()
    const sending = Array.from({ length: 50 }, () =>
      mailer.send(letter(), () => {
        most = Math.max(most, ++unrecorded)
        return recorded.promise.then(() => void unrecorded--)
      }),
    )
    await until(() => unrecorded === mailer.concurrency())
    assert.equal(sink.letters.length, unrecorded)
    recorded.resolve()
    await Promise.all(sending)
    assert.equal(sink.letters.length, 50)
    assert.ok(most <= 10, `${most} were not recorded`)
  })

  test('do not wait for a recording that fails', async () => {
    await using sink = await openSmtpSink()
    await using mailer = mailerFor(sink, { connections: 1 })
    await assert.rejects(
      mailer.send(letter(), async () => assert.fail('not recorded')),
      /not recorded/,
    )
    await mailer.send(letter())
    assert.equal(mailer.health(), 'ok')
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

describe('emails that no ticket shows', () => {
  test('change nothing of what the mailer of the others tells, and are seen by operators', async () => {
    await using sink = await openSmtpSink()
    const told: string[] = []
    await using mailers = mailersFor(sink, { onHealth: health => told.push(health) })
    const { shown, unshown } = mailers
    const of = () => [shown.lastDelivery(), shown.concurrency(), shown.health(), shown.lastError()]
    await until(() => mailers.health() === 'ok')
    const before = of()
    await Promise.all(Array.from({ length: 20 }, () => unshown.send(letter())))
    assert.ok(unshown.lastDelivery() > 0)
    assert.deepEqual(of(), before)

    sink.replies.MAIL = '550 5.7.1 not from here'
    await failureOf(unshown.send(letter()))
    assert.deepEqual(of(), before)
    assert.equal(mailers.health(), 'degraded')
    assert.equal(told.at(-1), 'degraded')
    sink.replies = {}
    await shown.send(letter())
    assert.equal(mailers.health(), 'ok', 'one of the others shows that the server is well')
    assert.equal(told.at(-1), 'ok')
  })

  test('of a relay that refuses them degrade mail for operators, though it takes the others', async () => {
    await using sink = await openSmtpSink()
    const lines: string[] = []
    const logger = pino({ level: 'info' }, { write: line => void lines.push(line) })
    await using mailers = mailersFor(sink, { logger })
    await until(() => mailers.health() === 'ok')
    const isOfUnshown = (line: string) => line.includes('unshown')
    const refused = ['a.example', 'b.example', 'c.example']
    sink.replies.RCPT = line => (refused.some(domain => line.includes(domain)) ? '550 5.7.1 no links' : undefined)
    for (let round = 0; round < 3; round++)
      for (const domain of refused) {
        await failureOf(mailers.unshown.send(letter({ to: `ann@${domain}` as EmailAddress })))
        await mailers.shown.send(letter())
      }
    assert.equal(mailers.health(), 'degraded')
    assert.equal(lines.filter(isOfUnshown).filter(line => line.includes('"level":50')).length, 1)
    await mailers.unshown.send(letter())
    assert.equal(mailers.health(), 'ok')
  })

  for (const { connections, shown, unshown } of [
    { connections: 1, shown: 1, unshown: 1 },
    { connections: 4, shown: 1, unshown: 1 },
    { connections: 6, shown: 3, unshown: 1 },
    { connections: 20, shown: 5, unshown: 2 },
  ])
    test(`of ${connections} connections begin with ${unshown}, and the others with ${shown}`, async () => {
      await using sink = await openSmtpSink()
      await using mailers = mailersFor(sink, { connections })
      assert.deepEqual([mailers.shown.concurrency(), mailers.unshown.concurrency()], [shown, unshown])
    })

  for (const connections of [4, 8])
    test(`find a server that allows ${connections} connections well while both kinds use all of theirs, as do the others`, async () => {
      const taken = Promise.withResolvers<void>()
      let left = 0
      await using sink = await openSmtpSink({ untilTaken: () => taken.promise })
      sink.replies = {
        connect: () => (sink.connections - left > connections ? '421 4.7.0 too many connections' : undefined),
        QUIT: () => void left++,
      }
      await using mailers = mailersFor(sink, { connections })
      const both = [mailers.shown, mailers.unshown]
      const sending = both.flatMap(mailer => Array.from({ length: connections }, () => mailer.send(letter())))
      await until(() => sink.inHand === mailers.shown.concurrency() + mailers.unshown.concurrency())
      for (let count = 0; count < 3; count++) await Promise.all(both.map(mailer => mailer.check()))
      taken.resolve()
      await Promise.all(sending)
    })
})
