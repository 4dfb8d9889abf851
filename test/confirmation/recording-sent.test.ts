import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { pino } from 'pino'
import { UnrecordedEmails } from '../../src/confirmation/letters/unrecorded-emails.ts'
import type { EmailAddress } from '../../src/email/address.ts'
import { openMailer } from '../../src/email/mailer.ts'
import { LIMITS } from '../../src/limits/limits.ts'
import type { Database } from '../../src/storage/database.ts'
import { DATABASES } from '../support/database.ts'
import { confirmedAtOnce } from '../support/genuine-secrets.ts'
import { send, signUp, startTestService } from '../support/service.ts'
import { lettersIn } from '../support/sink-letters.ts'
import { openSmtpSink } from '../support/smtp-sink.ts'

const STARTING_UP = '57P03' // cannot_connect_now
const BROKEN = 'XX001' // data_corrupted
const TOO_LONG = 'x'.repeat(2_000) // for a password, and so refused without being hashed

for (const kind of DATABASES)
  describe(`recording that a letter was sent, on ${kind}`, () => {
    test('is tried again while the database is away for a moment, so that the letter goes out once', async () => {
      const { letters, failures } = await sendWhileRecordingFails(STARTING_UP, 2)
      assert.equal(letters.length, 1)
      assert.equal(failures, 3, 'two that failed, and one that did not')
    })

    test('is tried again with the message for any other fault, and no other email goes out', async () => {
      const { letters, failures } = await sendWhileRecordingFails(BROKEN, 2)
      assert.equal(letters.length, 1)
      assert.equal(failures, 3, 'two that failed, and one that did not')
    })

    test('of a device link is tried again with its message, and no other email goes out', async () => {
      await using sink = await openSmtpSink()
      const env = { AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`, AUTH_RATE_LIMITS: 'on' }
      await using service = await startTestService(kind, { env })
      const { database } = service.service
      await failRecording(database, { table: 'device_link', code: BROKEN, times: 2 })
      const { email } = await confirmedAtOnce(service)
      for (let count = 0; count <= LIMITS.sign_in_by_address_and_network.burst; count++)
        await send(`${service.url}/v1/sessions`, { json: { email, password: TOO_LONG } })
      const isSent = async () => {
        const sent = database.selectFrom('device_link').select('sent_at').where('email', '=', email)
        return (await sent.executeTakeFirst())?.sent_at instanceof Date
      }
      while (!(await isSent())) await pause(20)
      const letters = await lettersIn(sink, email)
      assert.equal(letters.filter(({ messageId }) => messageId?.includes('.device-link')).length, 1)
    })

    /** @returns the letters that came until one was recorded, and how often that was tried */
    async function sendWhileRecordingFails(code: string, times: number) {
      await using sink = await openSmtpSink()
      await using service = await startTestService(kind, { env: { AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}` } })
      const { database } = service.service
      await failRecording(database, { table: 'confirmation_letter', code, times })
      const { email, ticket } = await signUp(service)
      const isSent = async () => {
        const status = await send(`${service.url}/v1/confirmation`, { headers: { authorization: `Bearer ${ticket}` } })
        return status.body.state === 'sent'
      }
      while (!(await isSent())) await pause(20)
      const { rows } = await sql<{ tried: number }>`select last_value::int as tried from recording`.execute(database)
      return { letters: await lettersIn(sink, email), failures: rows[0]!.tried }
    }
  })

test('beyond the bound, the email that has been unrecorded for the longest goes out once more', async () => {
  await using sink = await openSmtpSink()
  const mailer = openMailer({
    server: { host: '127.0.0.1', port: sink.port, tls: 'none' },
    from: { name: 'Auth service', address: 'no-reply@auth.example' },
    connections: 1,
    logger: pino({ level: 'silent' }),
  })
  const emails = new UnrecordedEmails(2)
  const email = (id: string) => ({
    to: 'ann@example.com' as EmailAddress,
    subject: id,
    text: id,
    html: id,
    language: 'en',
    messageId: `<${id}@auth.example>`,
    date: new Date('2026-01-02T03:04:05Z'),
  })
  const fails = () => Promise.reject(new Error('not recorded'))
  try {
    for (const id of ['1', '2', '1', '3', '1', '3', '2'])
      await assert.rejects(emails.send(mailer, email(id), fails), /not recorded/)
    const sent = (await lettersIn(sink, 'ann@example.com')).map(({ subject }) => subject)
    assert.deepEqual(sent, ['1', '2', '3', '2'])
  } finally {
    await mailer.close()
  }
})

/** A sequence counts, since it is not undone with the statement that fails. */
async function failRecording(database: Database, fault: { table: string; code: string; times: number }): Promise<void> {
  const { table, code, times } = fault
  await sql`create sequence recording`.execute(database)
  await sql`create function refuse_recording() returns trigger language plpgsql as ${sql.raw(`$$
    begin
      if nextval('recording') <= ${times} then raise exception 'not now' using errcode = '${code}'; end if;
      return new;
    end $$`)}`.execute(database)
  await sql`create trigger refuse_recording before update of sent_at on ${sql.table(table)}
    for each row when (new.sent_at is not null) execute function refuse_recording()`.execute(database)
}
