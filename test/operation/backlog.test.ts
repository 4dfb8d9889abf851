import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { sql } from 'kysely'
import { DATABASES } from '../support/database.ts'
import { lettersTo, signUp, startTestService } from '../support/service.ts'

for (const kind of DATABASES)
  describe(`metrics of what waits, on ${kind}`, () => {
    test('tell parked messages, the age of the oldest that waits, how long one has been due, and held emails', async () => {
      await using service = await startTestService(kind, { env: { AUTH_METRICS_LISTEN: '127.0.0.1:0' } })
      const { database, metricsUrl } = service.service
      const account = await signUp(service)
      await lettersTo(service, account.email) // so that nothing of its own waits any more
      const parked = { id: randomUUID(), version: 99 }
      await sql`insert into pgboss.job (name, data) values ('parked', ${JSON.stringify(parked)})`.execute(database)
      await sql`select pgboss.create_queue('nobody.takes', '{"policy": "standard"}')`.execute(database)
      await sql`insert into pgboss.job (name, data, created_on, start_after)
        values ('account.created', '{}', now() - interval '1 hour', now() + interval '1 hour'),
          ('nobody.takes', '{}', now() - interval '20 minutes', now() - interval '10 minutes')`.execute(database)
      await sql`insert into confirmation_letter (id, account_id, address, sign_up, waits)
        values (${randomUUID()}, ${account.id}, ${account.email}, false, true)`.execute(database)
      const metrics = await (await fetch(metricsUrl!)).text()
      const gauge = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1])
      assert.equal(gauge('auth_queue_parked_messages'), 1)
      assert.equal(gauge('auth_emails_held'), 1)
      const due = gauge('auth_queue_longest_due_seconds')
      assert.ok(due >= 600 && due < 900, String(due))
      const age = gauge('auth_queue_oldest_waiting_seconds')
      assert.ok(age >= 3_600 && age < 3_900, String(age))
    })
  })
