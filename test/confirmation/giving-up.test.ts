import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { DATABASES, shiftClock } from '../support/database.ts'
import { send, signUp, startTestService } from '../support/service.ts'
import { lettersIn } from '../support/sink-letters.ts'
import { openSmtpSink } from '../support/smtp-sink.ts'

for (const kind of DATABASES)
  describe(`a mail server that is in trouble for days, on ${kind}`, () => {
    test('a letter is tried for 48 hours, then given up where the operator and the person see it', async () => {
      await using sink = await openSmtpSink({ replies: { RCPT: '451 4.3.0 later' } })
      await using service = await startTestService(kind, { env: { AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}` } })
      const { email, ticket } = await signUp(service)
      const stateOf = async () =>
        (await send(`${service.url}/v1/confirmation`, { headers: { authorization: `Bearer ${ticket}` } })).body.state
      const attempts = () => sink.lines.filter(line => line.startsWith('RCPT')).length

      while (attempts() < 1) await pause(20)
      await shiftClock(service.service.database, 47 * 3_600)
      while (attempts() < 2) await pause(20)
      assert.equal(await stateOf(), 'queued', 'after 47 hours it is still tried')

      await shiftClock(service.service.database, 49 * 3_600)
      while (attempts() < 3) await pause(20)
      while ((await stateOf()) === 'queued') await pause(20)
      assert.equal(await stateOf(), 'undeliverable')
      assert.match(service.log(), /"level":"error".*given up after 48 hours/)
      assert.ok(!service.log().includes(email), 'the log masks the address')
      const { rows } = await sql<{ failure: string }>`
        select failure from confirmation_letter where failed_at is not null`.execute(service.service.database)
      assert.match(rows[0]!.failure, /451/)

      sink.replies.RCPT = '250 2.1.5 ok'
      await send(`${service.url}/v1/confirmation-letters`, { json: { ticket } })
      while ((await stateOf()) !== 'sent') await pause(20)
      assert.equal((await lettersIn(sink, email)).length, 1, 'asking for another letter begins anew')
    })
  })
