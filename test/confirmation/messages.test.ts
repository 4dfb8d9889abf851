import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { PgBoss } from 'pg-boss'
import { lettersTo, signUp, startTestService } from '../support/service.ts'

describe('messages', () => {
  test('that come again send no second letter, garbage is parked, and a later version waits [R88]', async () => {
    await using service = await startTestService('PostgreSQL')
    const sender = new PgBoss({ connectionString: service.databaseUrl!, supervise: false, schedule: false })
    sender.on('error', () => {})
    await sender.start()
    try {
      const { id, email } = await signUp(service)
      await lettersTo(service, email)
      for (let count = 0; count < 3; count++) await sender.send('account.created', { version: 1, account_id: id })
      const garbage = [
        {},
        { version: 1 },
        { version: 1, account_id: 7 },
        { version: 1, account_id: 'not an id' },
        { version: 1, letter_id: id },
        { version: '1', account_id: id },
        { version: 1, account_id: id, more: 1 },
      ]
      for (const data of garbage) await sender.send('account.created', data)
      const later = await sender.send('account.created', { version: 2, id })
      await sender.send('account.created', { version: 1, account_id: '01a20555-a5a8-756c-86db-884ac3f1109c' }) // gone

      while ((await sender.findJobs('parked')).length < garbage.length) await pause(20)
      const unsettled = async () =>
        (await sender.findJobs('account.created')).filter(({ state }) => state === 'created' || state === 'active')
      while ((await unsettled()).length > 0) await pause(20)
      const [waiting] = await sender.findJobs('account.created', { id: later! })
      assert.equal(waiting?.state, 'retry')
      assert.equal((await sender.findJobs('parked')).length, garbage.length)

      const healthy = await signUp(service)
      await lettersTo(service, healthy.email)
      assert.equal((await lettersTo(service, email)).length, 1)
    } finally {
      await sender.stop({ graceful: false })
    }
  })
})
