import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { PGlite } from '@electric-sql/pglite'
import { sql } from 'kysely'
import { pino } from 'pino'
import { embeddedDatabase, inTransaction } from '../../src/storage/database.ts'
import type { MessageKind } from '../../src/storage/message-kind.ts'
import { createQueue } from '../../src/storage/queue.ts'

const kind: MessageKind<'id'> = { name: 'test.happened', version: 1, ids: ['id'] }
const MESSAGES = 1_200 // more than one page of them

describe('the embedded database', () => {
  test('has a queue that gives back what was in the hand of a process that died, however many messages there are', async () => {
    const pglite = await PGlite.create()
    const database = embeddedDatabase(pglite)
    const open = async () => {
      const queue = createQueue({ backend: { pglite }, kinds: [kind], logger: pino({ level: 'silent' }) })
      await queue.open()
      return queue
    }
    const first = await open()
    const ids = Array.from({ length: MESSAGES }, () => randomUUID())
    for (const id of ids) await inTransaction(database, transaction => first.send(transaction, kind, { id }))
    await first.stop(1_000)
    const orphans = [ids[0], ids.at(-1)]
    await sql`update pgboss.job set state = 'active', started_on = now()
      where data->>'id' in (${sql.join(orphans)})`.execute(database)
    const states = async () =>
      (
        await sql<{ state: string }>`select state::text from pgboss.job
          where data->>'id' in (${sql.join(orphans)})`.execute(database)
      ).rows.map(({ state }) => state)
    assert.deepEqual(await states(), ['active', 'active'])
    const second = await open()
    assert.deepEqual(await states(), ['retry', 'retry'])
    await second.stop(1_000)
    await pglite.close()
  })

  test('is not asked outside of the transaction that is open, which would hang for ever', async () => {
    const pglite = await PGlite.create()
    const database = embeddedDatabase(pglite)
    await assert.rejects(
      inTransaction(database, () => sql`select 1`.execute(database)),
      /pass the transaction/,
    )
    await assert.rejects(
      inTransaction(database, () => inTransaction(database, async () => 1)),
      /pass the transaction/,
    )
    assert.equal((await sql`select 1 as one`.execute(database)).rows.length, 1, 'and goes on afterwards')
    await pglite.close()
  })
})
