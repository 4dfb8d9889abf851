import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { sql } from 'kysely'
import { recordEvent } from '../../src/audit/audit-store.ts'
import { OperatorLog } from '../../src/housekeeping.ts'
import { createLogger } from '../../src/log.ts'
import { environmentOf, runCommand } from '../support/command.ts'
import { createTestDatabase, DATABASES, openTestDatabase } from '../support/database.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'

const MINUTE = 60_000 // milliseconds

for (const kind of DATABASES)
  describe(`the log of what operators did, on ${kind}`, () => {
    test('has each event of an operator once, with ids and without addresses', async () => {
      await using opened = await openTestDatabase(kind)
      const { database } = opened
      const lines: string[] = []
      const logger = createLogger('info', { write: line => void lines.push(line) })
      let now = 0
      const log = new OperatorLog(() => now)
      /** What the next run logs. */
      const logged = async () => {
        await log.run(database, logger)
        return lines.splice(0).map(line => JSON.parse(line).event)
      }
      const insertDropped = (operator: string, age: string) =>
        sql`insert into audit_event (type, outcome, operator, at)
          values ('signing_key.dropped', 'success', ${operator}, auth_now() - ${age}::interval)`.execute(database)

      const accountId = randomUUID()
      const facts = { accountId, email: 'ann@example.com', operator: 'oncall' }
      await recordEvent(database, 'account.disabled', facts)
      await recordEvent(database, 'sessions.ended', { reason: 'everyone', count: 7, operator: 'oncall' })
      await recordEvent(database, 'account.confirmed', { accountId, email: 'ann@example.com' })
      const [disabled, ended, ...others] = await logged()
      const { at, ...told } = disabled
      assert.ok(Date.parse(at))
      assert.deepEqual(told, { type: 'account.disabled', operator: 'oncall', account: accountId, count: 1 })
      assert.deepEqual([ended.type, ended.reason, ended.count], ['sessions.ended', 'everyone', 7])
      assert.deepEqual(others, [])
      assert.deepEqual(await logged(), [])

      await insertDropped('slow', '100 seconds') // whose transaction began long before it was committed
      assert.deepEqual(
        (await logged()).map(({ operator }) => operator),
        ['slow'],
      )

      now += 10 * MINUTE // for which the database was away
      await insertDropped('meanwhile', '9 minutes')
      await insertDropped('earlier', '30 minutes')
      assert.deepEqual(
        (await logged()).map(({ operator }) => operator),
        ['meanwhile'],
      )
    })

    test('is written by a service, also of commands that are run beside it', async () => {
      await using directory = await emptyDirectory()
      await using created = kind === 'PostgreSQL' ? await createTestDatabase() : undefined
      const data = { dataDirectory: directory.path, databaseUrl: created?.url }
      await using service = new ServiceProcess(
        environmentOf(data),
        [],
        [{ file: 'housekeeping.ts', find: 'const MINUTE = 60_000 // milliseconds', replace: 'const MINUTE = 1_500' }],
      )
      await service.started()
      assert.equal((await runCommand(data, 'keys', 'rotate', '--now', '--by', 'oncall')).code, 0)
      await service.until(/"event":\{"at":"[^"]+","type":"signing_key\.dropped","operator":"oncall","reason":"command"/)
    })
  })
