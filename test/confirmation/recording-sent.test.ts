import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Database } from '../../src/storage/database.ts'
import { DATABASES } from '../support/database.ts'
import { send, signUp, startTestService } from '../support/service.ts'
import { lettersIn } from '../support/sink-letters.ts'
import { openSmtpSink } from '../support/smtp-sink.ts'

const STARTING_UP = '57P03' // cannot_connect_now
const BROKEN = 'XX001' // data_corrupted

for (const kind of DATABASES)
  describe(`recording that a letter was sent, on ${kind}`, () => {
    test('is tried again while the database is away for a moment, so that the letter goes out once', async () => {
      const { letters, failures } = await sendWhileRecordingFails(STARTING_UP, 2)
      assert.equal(letters.length, 1)
      assert.equal(failures, 3, 'two that failed, and one that did not')
    })

    test('is not tried again at once for any other fault: the letter goes out again, as the same', async () => {
      const { letters } = await sendWhileRecordingFails(BROKEN, 1)
      assert.equal(letters.length, 2)
      assert.equal(new Set(letters.map(({ messageId }) => messageId)).size, 1)
    })

    /** @returns the letters that came until one was recorded, and how often that was tried */
    async function sendWhileRecordingFails(code: string, times: number) {
      await using sink = await openSmtpSink()
      await using service = await startTestService(kind, { env: { AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}` } })
      const { database } = service.service
      await failRecording(database, code, times)
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

/** A sequence counts, since it is not undone with the statement that fails. */
async function failRecording(database: Database, code: string, times: number): Promise<void> {
  await sql`create sequence recording`.execute(database)
  await sql`create function refuse_recording() returns trigger language plpgsql as ${sql.raw(`$$
    begin
      if nextval('recording') <= ${times} then raise exception 'not now' using errcode = '${code}'; end if;
      return new;
    end $$`)}`.execute(database)
  await sql`create trigger refuse_recording before update of sent_at on confirmation_letter
    for each row execute function refuse_recording()`.execute(database)
}
