import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { PGlite } from '@electric-sql/pglite'
import { sql } from 'kysely'
import { pino } from 'pino'
import { type Database, embeddedDatabase, inTransaction } from '../../src/storage/database.ts'
import type { MessageKind } from '../../src/storage/message-kind.ts'
import { postgresDatabase } from '../../src/storage/postgres.ts'
import { createQueue, type MessageInHand, type Queue } from '../../src/storage/queue.ts'
import type { QueueBackend } from '../../src/storage/queue-backend.ts'
import { createTestDatabase, DATABASES, type DatabaseKind } from '../support/database.ts'

const silent = pino({ level: 'silent' })
const IN_HAND_FOR_ONE = 2 // messages where one may be delivered at once
const errand: MessageKind<'id'> = { name: 'test.errand', version: 1, ids: ['id'] }

type OpenedQueue = { queue: Queue; database: Database }

async function openQueue(kind: DatabaseKind, opened: AsyncDisposableStack): Promise<OpenedQueue> {
  const { database, backend } = await openBackend(kind, opened)
  const queue = createQueue({ backend, kinds: [errand], logger: silent })
  opened.defer(() => queue.stop(0))
  await queue.open()
  return { queue, database }
}

async function openBackend(
  kind: DatabaseKind,
  opened: AsyncDisposableStack,
): Promise<{ database: Database; backend: QueueBackend }> {
  if (kind === 'PGlite') {
    const pglite = await PGlite.create()
    opened.defer(() => pglite.close())
    return { database: embeddedDatabase(pglite), backend: { pglite } }
  }
  const { url } = opened.use(await createTestDatabase())
  const database = postgresDatabase(url, silent)
  opened.defer(() => database.destroy())
  return { database, backend: { postgresUrl: url, isPooled: false } }
}

async function sendMany({ queue, database }: OpenedQueue, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID())
  await inTransaction(database, async transaction => {
    for (const id of ids) await queue.send(transaction, errand, { id })
  })
  return ids
}

async function inState({ database }: OpenedQueue, state: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from pgboss.job where name = ${errand.name} and state::text = ${state}`.execute(
    database,
  )
  return rows[0]!.count
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 30_000; !(await holds()); await pause(20))
    assert.ok(Date.now() < deadline, 'it never came')
}

for (const kind of DATABASES)
  describe(`the queue on ${kind}`, () => {
    test('delivers and settles messages past those that take long', async () => {
      await using opened = new AsyncDisposableStack()
      const test = await openQueue(kind, opened)
      const slow = new Set((await sendMany(test, 9)).slice(0, 9))
      await sendMany(test, 100)
      const released = Promise.withResolvers<void>()
      const work = ({ id }: { id: string }) => (slow.has(id) ? released.promise : pause(1).then(() => {}))
      await test.queue.consume(errand, work, () => 10)
      await until(async () => (await inState(test, 'completed')) === 100)
      assert.equal(await inState(test, 'active'), 9)
      released.resolve()
      await until(async () => (await inState(test, 'completed')) === 109)
    })

    test('has as many messages in hand as may be delivered at once, and as many more at the most', async () => {
      await using opened = new AsyncDisposableStack()
      const test = await openQueue(kind, opened)
      await sendMany(test, 60)
      let [concurrency, inHand, most] = [3, 0, 0]
      const steps: PromiseWithResolvers<void>[] = []
      const work = async () => {
        most = Math.max(most, ++inHand)
        steps.push(Promise.withResolvers<void>())
        await steps.at(-1)!.promise
        inHand--
      }
      await test.queue.consume(errand, work, () => concurrency)
      await until(() => inHand === 6)
      concurrency = 20
      const finishing = setInterval(() => steps.shift()?.resolve(), 5)
      await until(async () => (await inState(test, 'completed')) === 60)
      clearInterval(finishing)
      assert.ok(most > 6 && most <= 30, `${most} at once`)
    })

    test('takes other messages in the place of those that are set aside, and keeps these', async () => {
      await using opened = new AsyncDisposableStack()
      const test = await openQueue(kind, opened)
      const aside = new Set(await sendMany(test, 20))
      await sendMany(test, 5)
      const released = Promise.withResolvers<void>()
      await test.queue.consume(
        errand,
        async ({ id }, { setAside }) => {
          if (!aside.has(id)) return
          setAside()
          await released.promise
        },
        () => 1,
      )
      await until(async () => (await inState(test, 'completed')) === 5)
      assert.equal(await inState(test, 'active'), 20)
      released.resolve()
      await until(async () => (await inState(test, 'completed')) === 25)
    })

    test('prepares messages in the transaction that takes them, and hands each what was made of it', async () => {
      await using opened = new AsyncDisposableStack()
      const test = await openQueue(kind, opened)
      const ids = await sendMany(test, 30)
      const [transactions, worked] = [[] as string[], [] as string[]]
      await test.queue.consume<'id', string>(
        errand,
        async ({ id }, { prepared }) => void worked.push(prepared === `for ${id}` ? id : 'of another'),
        () => 30,
        {
          database: test.database,
          async prepare(transaction, messages) {
            const { rows } = await sql<{ taken: number }>`select count(*)::int as taken from pgboss.job
              where name = ${errand.name} and xmin::text = (pg_current_xact_id()::text::int8 % 4294967296)::text`.execute(
              transaction,
            )
            transactions.push(`${rows[0]!.taken} of ${messages.length}`)
            return messages.map(({ id }) => `for ${id}`)
          },
        },
      )
      await until(async () => (await inState(test, 'completed')) === 30)
      assert.deepEqual(worked.toSorted(), ids.toSorted())
      assert.deepEqual(transactions, ['30 of 30'])
    })

    test('delivers messages that cannot be prepared together each on its own', async () => {
      await using opened = new AsyncDisposableStack()
      const test = await openQueue(kind, opened)
      const [poison, ...others] = await sendMany(test, 20)
      const worked: string[] = []
      await test.queue.consume(
        errand,
        async ({ id }, { prepared }) => {
          if (id === poison) throw new Error('refused')
          assert.equal(prepared, undefined)
          worked.push(id)
        },
        () => 20,
        {
          database: test.database,
          async prepare(transaction) {
            await sql`select 1 / 0`.execute(transaction)
            return []
          },
        },
      )
      await until(async () => (await inState(test, 'completed')) === 19)
      assert.deepEqual(worked.toSorted(), others.toSorted())
      await until(async () => (await inState(test, 'retry')) === 1) // it is given back beside the others, and not before
    })

    test('completes messages with what is recorded of them, or does neither', async () => {
      await using opened = new AsyncDisposableStack()
      const test = await openQueue(kind, opened)
      await sql`create table recorded (id uuid)`.execute(test.database)
      const [refused, recorded] = (await sendMany(test, 2)) as [string, string]
      const record = (id: string, message: MessageInHand) =>
        test.queue.complete(test.database, [message], async transaction => {
          await sql`insert into recorded values (${id})`.execute(transaction)
          if (id === refused) await sql`select 1 / 0`.execute(transaction)
        })
      await test.queue.consume(
        errand,
        ({ id }, { message }) => record(id, message),
        () => 2,
      )
      await until(async () => (await inState(test, 'completed')) === 1 && (await inState(test, 'retry')) === 1)
      const { rows } = await sql<{ id: string }>`select id from recorded`.execute(test.database)
      assert.deepEqual(rows, [{ id: recorded }])
    })

    test('renews the lease of a message for as long as it takes', async () => {
      await using opened = new AsyncDisposableStack()
      const test = await openQueue(kind, opened)
      await sendMany(test, 1)
      const released = Promise.withResolvers<void>()
      await test.queue.consume(
        errand,
        () => released.promise,
        () => 1,
      )
      const isRenewed = async () => {
        const { rows } = await sql`select 1 from pgboss.job
          where name = ${errand.name} and state = 'active' and heartbeat_on > started_on + interval '1 second'`.execute(
          test.database,
        )
        return rows.length === 1
      }
      await until(isRenewed)
      released.resolve()
      await until(async () => (await inState(test, 'completed')) === 1)
    })

    test('takes new messages before those that failed, however many of these are due', async () => {
      await using opened = new AsyncDisposableStack()
      const { database, backend } = await openBackend(kind, opened)
      const open = async (): Promise<OpenedQueue> => {
        const queue = createQueue({ backend, kinds: [errand], logger: silent })
        opened.defer(() => queue.stop(0))
        await queue.open()
        return { queue, database }
      }
      const failing = await open()
      await sendMany(failing, 5 * IN_HAND_FOR_ONE)
      await failing.queue.consume(
        errand,
        () => Promise.reject(new Error('not now')),
        () => 10,
      )
      await until(async () => (await inState(failing, 'retry')) === 5 * IN_HAND_FOR_ONE)
      await failing.queue.stop(10_000)

      const next = await open()
      await sql`update pgboss.job set start_after = now() where name = ${errand.name}`.execute(database)
      const [fresh] = await sendMany(next, 1)
      const released = Promise.withResolvers<void>()
      const taken: string[] = []
      await next.queue.consume(
        errand,
        ({ id }) => {
          taken.push(id)
          return released.promise
        },
        () => 1,
      )
      await until(() => taken.length === IN_HAND_FOR_ONE)
      assert.ok(taken.includes(fresh!), 'the new one is among the first')
      released.resolve()
      await until(async () => (await inState(next, 'completed')) === 5 * IN_HAND_FOR_ONE + 1)
    })

    test('gives back at the stop what is not finished, so that it comes again at once', async () => {
      await using opened = new AsyncDisposableStack()
      const test = await openQueue(kind, opened)
      await sendMany(test, 5)
      let begun = 0
      const hanging = () => {
        begun++
        return new Promise<void>(() => {})
      }
      await test.queue.consume(errand, hanging, () => 5)
      await until(() => begun === 5)
      await test.queue.stop(0)
      assert.equal(await inState(test, 'retry'), 5)
    })

    test('tells how long the message has been due that waits longest', async () => {
      await using opened = new AsyncDisposableStack()
      const test = await openQueue(kind, opened)
      assert.equal(await test.queue.longestWait([errand]), 0)
      await sendMany(test, 3)
      await sql`update pgboss.job set created_on = now() - interval '1 hour', start_after = now() - interval '90 seconds'
        where name = ${errand.name}`.execute(test.database)
      const waited = await test.queue.longestWait([errand])
      assert.ok(waited >= 90 && waited < 3_600, `${waited} s`)
      await sql`update pgboss.job set start_after = now() + interval '1 hour' where name = ${errand.name}`.execute(
        test.database,
      )
      assert.equal(await test.queue.longestWait([errand]), 0, 'none is due')
    })
  })
