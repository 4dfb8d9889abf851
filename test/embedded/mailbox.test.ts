import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { createTransport } from 'nodemailer'
import { pino } from 'pino'
import { type Mailbox, openMailbox } from '../../src/embedded/mailbox.ts'
import { OperatorError } from '../../src/operator-error.ts'
import { moduleOf, startNode } from '../support/node-child.ts'

const logger = pino({ level: 'silent' })
const temporary = () => mkdtempDisposable(join(tmpdir(), 'auth-test-mailbox-'))
const open = (directory: string) => openMailbox({ directory, logger })

const client = ({ smtpUrl }: Mailbox) => createTransport(`${smtpUrl}?ignoreTLS=true`)
const letter = (to = 'ann@example.com', subject = 'A letter') => ({
  from: 'Auth service <no-reply@auth.example>',
  to,
  subject,
  text: 'Follow https://auth.example/confirm?token=x&y=1.\nOr (https://auth.example/other)!',
  html: '<a href="https://auth.example/confirm?token=x&amp;y=1">this</a> <a href="https://auth.example/html">that</a>',
})

/** Says commands one by one and answers with what the server replied to each. */
async function converse({ smtpUrl }: Mailbox, ...commands: string[]): Promise<string[]> {
  const socket = connect(Number(new URL(smtpUrl).port), '127.0.0.1')
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
  const reply = async () => {
    for (;;) {
      const { value, done } = await lines.next()
      if (done) return 'closed'
      if (/^\d{3} /.test(value)) return value
    }
  }
  await reply()
  const replies: string[] = []
  for (const command of commands) {
    socket.write(`${command}\r\n`)
    replies.push(await reply())
  }
  socket.destroy()
  return replies
}

const ENVELOPE = ['EHLO client', 'MAIL FROM:<no-reply@auth.example>', 'RCPT TO:<ann@example.com>', 'DATA']

describe('a letter', () => {
  test('is shown as it was sent, with its links', async () => {
    await using directory = await temporary()
    await using mailbox = await open(directory.path)
    await client(mailbox).sendMail({
      ...letter(),
      messageId: '<1@auth.example>',
      headers: { 'X-Long': 'word '.repeat(40) },
    })
    const [message] = await mailbox.messages()
    const { id, received_at, headers, text, html, ...rest } = message!
    assert.deepEqual(rest, {
      to: ['ann@example.com'],
      from: '"Auth service" <no-reply@auth.example>',
      subject: 'A letter',
      links: ['https://auth.example/confirm?token=x&y=1', 'https://auth.example/other', 'https://auth.example/html'],
    })
    assert.match(text, /^Follow https/)
    assert.match(html, /^<a href/)
    assert.ok(Math.abs(Date.parse(received_at) - Date.now()) < 5_000)
    assert.equal(headers['message-id'], '<1@auth.example>')
    assert.equal(headers['x-long'], 'word '.repeat(40).trim())
    assert.deepEqual(await mailbox.message(id), message)
  })

  test('is found by whom it was delivered to, not by whom it names', async () => {
    await using directory = await temporary()
    await using mailbox = await open(directory.path)
    const envelope = { from: 'no-reply@auth.example', to: ['Ann@example.com', 'bob@example.com'] }
    await client(mailbox).sendMail({ ...letter('somebody-else@example.com'), envelope })
    await client(mailbox).sendMail(letter('bob@example.com', 'The second'))
    const subjectsTo = async (to: string) => (await mailbox.messages({ to })).map(({ subject }) => subject)
    assert.deepEqual(await subjectsTo('ann@example.com'), ['A letter'])
    assert.deepEqual(await subjectsTo('BOB@example.com'), ['The second', 'A letter'])
    assert.deepEqual(await subjectsTo('somebody-else@example.com'), [])
    assert.equal((await mailbox.messages({ limit: 1 })).length, 1)
  })

  test('cannot pretend to have been delivered to somebody else', async () => {
    await using directory = await temporary()
    await using mailbox = await open(directory.path)
    await converse(
      mailbox,
      ...ENVELOPE,
      'X-Envelope-To: bob@example.com\r\nSubject: x\r\n\r\nX-Envelope-To: eve@example.com\r\n.',
    )
    assert.deepEqual(
      (await mailbox.messages()).map(({ to }) => to),
      [['ann@example.com']],
    )
    assert.deepEqual(await mailbox.messages({ to: 'bob@example.com' }), [])
  })

  test('is a file that only this user reads, and comes out as it came in', async () => {
    await using directory = await temporary()
    await using mailbox = await open(join(directory.path, 'mailbox'))
    const raw = 'Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n'
    await converse(mailbox, ...ENVELOPE, `${raw.replaceAll('\n.', '\n..')}.`)
    const name = readdirSync(join(directory.path, 'mailbox'))[0]!
    const id = (await mailbox.messages())[0]!.id
    assert.equal(name, `${id}.eml`)
    assert.equal(statSync(join(directory.path, 'mailbox')).mode & 0o777, 0o700)
    assert.equal(statSync(join(directory.path, 'mailbox', name)).mode & 0o777, 0o600)
    assert.equal(String(await mailbox.raw(id)), raw)
  })

  test('that was acknowledged is there after kill -9', async () => {
    await using directory = await temporary()
    await using holder = startNode(
      `import { pino } from ${JSON.stringify(import.meta.resolve('pino'))}
      import { openMailbox } from ${moduleOf('embedded/mailbox.ts')}
      const { smtpUrl } = await openMailbox({ directory: args[0]!, logger: pino({ level: 'silent' }) })
      console.log(smtpUrl)`,
      directory.path,
    )
    const transport = client({ smtpUrl: await holder.line() } as Mailbox)
    for (let n = 0; n < 3; n++) await transport.sendMail(letter('ann@example.com', `Letter ${n}`))
    await holder.kill()
    writeFileSync(join(directory.path, '.left-over.draft'), 'half a letter')
    writeFileSync(join(directory.path, 'notes.txt'), 'not ours')
    await using mailbox = await open(directory.path)
    const subjects = (await mailbox.messages({ to: 'ann@example.com' })).map(({ subject }) => subject)
    assert.deepEqual(subjects, ['Letter 2', 'Letter 1', 'Letter 0'])
    assert.deepEqual(
      readdirSync(directory.path).filter(name => !name.endsWith('.eml')),
      ['notes.txt'],
    )
  })

  test('makes room: the newest 1,000 are kept', async () => {
    await using directory = await temporary()
    await (await open(directory.path)).close()
    for (let n = 0; n < 1_003; n++)
      writeFileSync(
        join(directory.path, `01900000-0000-7000-8000-${String(n).padStart(12, '0')}.eml`),
        `X-Envelope-To: ann@example.com\r\nSubject: ${n}\r\n\r\n`,
      )
    await using mailbox = await open(directory.path)
    await client(mailbox).sendMail(letter('ann@example.com', 'The newest'))
    const messages = await mailbox.messages({ limit: 5_000 })
    assert.equal(messages.length, 1_000)
    assert.equal(messages[0]?.subject, 'The newest')
    assert.equal(messages.at(-1)?.subject, '4')
    assert.equal(readdirSync(directory.path).length, 1_000)
  })
})

describe('an id that is none', () => {
  for (const id of [
    '',
    '..',
    'secret',
    './secret',
    '../secret',
    '/etc/passwd',
    '..\\secret',
    '01900000-0000-7000-8000-000000000000',
    '\0',
  ])
    test(`gives nothing: ${JSON.stringify(id)}`, async () => {
      await using directory = await temporary()
      writeFileSync(join(directory.path, 'secret.eml'), 'X-Envelope-To: a@b.c\r\n')
      await using mailbox = await open(join(directory.path))
      assert.equal(await mailbox.message(id), undefined)
      assert.equal(await mailbox.raw(id), undefined)
    })
})

describe('the server', () => {
  test('refuses what is larger than a megabyte, announced or not, and goes on', async () => {
    await using directory = await temporary()
    await using mailbox = await open(directory.path)
    const [, announced] = await converse(mailbox, 'EHLO client', 'MAIL FROM:<a@b.example> SIZE=1048577')
    assert.match(announced!, /^552 5\.3\.4 /)
    const replies = await converse(
      mailbox,
      ...ENVELOPE,
      `${'x'.repeat(1024 * 1024)}\r\n.`,
      ...ENVELOPE.slice(1),
      'small\r\n.',
    )
    assert.match(replies[4]!, /^552 5\.3\.4 /)
    assert.match(replies.at(-1)!, /^250 /)
    assert.equal(readdirSync(directory.path).length, 1)
  })

  test('says 4xx when a letter cannot be written, keeps nothing of it, and goes on', async () => {
    await using directory = await temporary()
    await using mailbox = await open(join(directory.path, 'mailbox'))
    rmSync(join(directory.path, 'mailbox'), { recursive: true })
    const replies = await converse(mailbox, ...ENVELOPE, 'letter\r\n.', 'NOOP')
    assert.match(replies[4]!, /^451 4\.3\.0 /)
    assert.match(replies[5]!, /^250 /)
    assert.deepEqual(await mailbox.messages(), [])
  })

  test('keeps nothing of a letter whose sender goes away in the middle', async () => {
    await using directory = await temporary()
    await using mailbox = await open(directory.path)
    await converse(mailbox, ...ENVELOPE)
    await converse(mailbox, ...ENVELOPE, 'whole\r\n.')
    assert.equal((await mailbox.messages()).length, 1)
  })

  test('offers neither AUTH nor STARTTLS, and listens on loopback only', async () => {
    await using directory = await temporary()
    await using mailbox = await open(directory.path)
    const { hostname, port } = new URL(mailbox.smtpUrl)
    assert.equal(hostname, '127.0.0.1')
    const socket = connect(Number(port), hostname)
    await once(socket, 'data')
    socket.write('EHLO client\r\n')
    const [greeting] = await once(socket, 'data')
    socket.destroy()
    assert.doesNotMatch(String(greeting), /AUTH|STARTTLS/)
    for (const command of ['AUTH PLAIN AGEAYg==', 'STARTTLS'])
      assert.match((await converse(mailbox, 'EHLO client', command))[1]!, /^500 /)
  })

  test('is gone when it was closed, idle clients or not', async () => {
    await using directory = await temporary()
    const mailbox = await open(directory.path)
    const socket = connect(Number(new URL(mailbox.smtpUrl).port), '127.0.0.1')
    await once(socket, 'data')
    const closed = once(socket, 'close')
    socket.resume()
    await mailbox.close()
    await closed
    await assert.rejects(client(mailbox).verify(), /ECONNREFUSED/)
  })

  test('does not start without a directory to write to', async () => {
    await using directory = await temporary()
    writeFileSync(join(directory.path, 'file'), '')
    const error = await open(join(directory.path, 'file/mailbox')).catch(error => error)
    assert.ok(error instanceof OperatorError, String(error))
    assert.match(error.message, /ENOTDIR[\s\S]*AUTH_DATA_DIR[\s\S]*AUTH_SMTP_URL/)
  })
})
