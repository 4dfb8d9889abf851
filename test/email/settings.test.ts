import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseMailbox } from '../../src/email/sender.ts'
import { parseSmtpUrl } from '../../src/email/smtp-url.ts'

describe('a sender', () => {
  const read: Record<string, { name: string; address: string }> = {
    'Auth service <no-reply@localhost>': { name: 'Auth service', address: 'no-reply@localhost' },
    'Büro <Office@BÜCHER.example>': { name: 'Büro', address: 'office@xn--bcher-kva.example' },
    '"Auth, Inc." <no-reply@example.com>': { name: 'Auth, Inc.', address: 'no-reply@example.com' },
    'no-reply@example.com': { name: 'example.com', address: 'no-reply@example.com' },
    '<no-reply@mailhost>': { name: 'mailhost', address: 'no-reply@mailhost' },
  }
  for (const [text, sender] of Object.entries(read))
    test(`is read from ${text}`, () => assert.deepEqual(parseMailbox(text), sender))

  const refused = [
    '',
    'Auth service',
    'Auth, Inc. <no-reply@example.com>',
    'Auth <a@example.com>, Evil <b@example.com>',
    'Auth\r\nBcc: evil@example.com <a@example.com>',
    'Auth <a@example.com> more',
    'Auth <a@b@example.com>',
    'a@127.0.0.1',
    'a@127',
    `${'x'.repeat(101)} <a@example.com>`,
  ]
  for (const text of refused)
    test(`is not ${JSON.stringify(text).slice(0, 60)}`, () =>
      assert.throws(() => parseMailbox(text), /a sender, such as/))
})

describe('the address of a mail server', () => {
  const read: Record<string, ReturnType<typeof parseSmtpUrl>> = {
    'smtps://mail.example.com': { host: 'mail.example.com', port: 465, tls: 'implicit' },
    'smtp://mail.example.com': { host: 'mail.example.com', port: 587, tls: 'starttls' },
    'smtp://mail.example.com:25/': { host: 'mail.example.com', port: 25, tls: 'starttls' },
    'smtp://mail.example.com:2525?tls=off': { host: 'mail.example.com', port: 2525, tls: 'none' },
    'smtp://LocalHost:1025': { host: 'localhost', port: 1025, tls: 'none' },
    'smtp://127.1.2.3:1025': { host: '127.1.2.3', port: 1025, tls: 'none' },
    'smtp://[::1]:1025': { host: '::1', port: 1025, tls: 'none' },
    'smtp://[2001:db8::1]': { host: '2001:db8::1', port: 587, tls: 'starttls' },
    'smtps://localhost': { host: 'localhost', port: 465, tls: 'implicit' },
    'smtps://ann%40example.com:p%25%3A%2F@mail.example.com': {
      host: 'mail.example.com',
      port: 465,
      tls: 'implicit',
      credentials: { user: 'ann@example.com', pass: 'p%:/' },
    },
  }
  for (const [text, server] of Object.entries(read))
    test(`is read from ${text}`, () => assert.deepEqual(parseSmtpUrl(text), server))

  const refused: Record<string, RegExp> = {
    'mail.example.com': /begins with smtps/,
    'https://mail.example.com': /begins with smtps/,
    'smtp://': /with the host/,
    'smtp://mail%2fexample': /with the host/,
    'smtp://secret@mail.example.com': /both a user and a password/,
    'smtp://:secret@mail.example.com': /both a user and a password/,
    'smtp://a:secret%zz@mail.example.com': /percent-encoded/,
    'smtp://mail.example.com/secret': /ends after the host/,
    'smtp://mail.example.com#secret': /ends after the host/,
    'smtp://mail.example.com?tls=secret': /tls=off/,
    'smtp://mail.example.com?secret=1': /tls=off/,
    'smtp://mail.example.com?tls=off&tls=off': /tls=off/,
    'smtps://mail.example.com?tls=off': /tls=off/,
    'smtp://mail.example.com:0': /a port/,
  }
  for (const [text, needed] of Object.entries(refused))
    test(`is not ${text}, which is not repeated`, () => {
      const error = assertThrows(() => parseSmtpUrl(text))
      assert.match(error.message, needed)
      assert.doesNotMatch(error.message, /secret/)
    })
})

function assertThrows(run: () => unknown): Error {
  try {
    run()
  } catch (error) {
    return error as Error
  }
  return assert.fail('nothing was thrown')
}
