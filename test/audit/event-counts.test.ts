import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type KyselyPlugin, sql } from 'kysely'
import { countEvents, type EventFilter, type EventGroup } from '../../src/audit/event-list-store.ts'
import type { Database } from '../../src/storage/database.ts'
import { DATABASES, type OpenedDatabase, openTestDatabase } from '../support/database.ts'

const EVENTS = 95
const ROWS_A_SLICE = 10
const EVERYTHING: EventFilter = { isByOperator: false }

for (const kind of DATABASES)
  describe(`audit events are counted in slices on ${kind}`, () => {
    let opened: OpenedDatabase
    before(async () => {
      opened = await openTestDatabase(kind)
      // Several have one time, some have no address or network, and their order by id is not that by time.
      await sql`insert into audit_event (at, type, outcome, email, network, reason, operator, count)
        select now() - make_interval(secs => n * 7919 % 31),
          case when n % 3 = 0 then 'sign_in.succeeded' else 'sign_in.failed' end,
          case when n % 3 = 0 then 'success' else 'failure' end,
          case when n % 11 > 0 then 'ann' || n % 7 || '@example.com' end,
          case when n % 13 > 0 then '192.0.2.' || n % 5 end,
          'x', case when n % 17 = 0 then 'eve' end, 1 + n % 4
        from generate_series(1, ${sql.lit(EVENTS)}) n`.execute(opened.database)
    })
    after(() => opened[Symbol.asyncDispose]())

    const countWith = (database: Database, options: Partial<Parameters<typeof countEvents>[2]> = {}) =>
      countEvents(database, EVERYTHING, { by: 'email', limit: 1_000, rowsASlice: ROWS_A_SLICE, ...options })

    const inOneStatement = async (by: EventGroup, condition = sql`true`) => {
      const { rows } = await sql`select ${sql.ref(by)} as value, sum(count)::int as events,
          coalesce(sum(count) filter (where outcome = 'failure'), 0)::int as failures,
          count(distinct email)::int as emails, count(distinct network)::int as networks,
          date_trunc('milliseconds', max(at)) as "lastAt"
        from audit_event where ${sql.ref(by)} is not null and ${condition}
        group by value order by events desc, ${sql.ref(by)} collate "C"`.execute(opened.database)
      return rows
    }

    for (const by of ['email', 'network', 'type'] as const)
      test(`by ${by} to what one statement over all of them says`, async () => {
        const { counts, countedBackTo } = await countWith(opened.database, { by })
        assert.ok(counts.length > 1)
        assert.deepEqual(counts, await inOneStatement(by))
        assert.equal(countedBackTo, undefined)
        assert.deepEqual((await countWith(opened.database, { by, limit: 1 })).counts, counts.slice(0, 1))
      })

    test('with the same filters', async () => {
      const filter: EventFilter = { types: ['sign_in.failed'], network: '192.0.2.1', isByOperator: true, since: 25 }
      const { counts } = await countEvents(opened.database, filter, { by: 'email', limit: 9, rowsASlice: ROWS_A_SLICE })
      const condition = sql`type = 'sign_in.failed' and network = '192.0.2.1' and operator is not null
        and at >= auth_now() - interval '25 seconds'`
      assert.deepEqual(counts, await inOneStatement('email', condition))
      const none = { ...EVERYTHING, since: new Date('2999-01-01') }
      assert.deepEqual(await countEvents(opened.database, none, { by: 'email', limit: 9 }), { counts: [] })
    })

    test('so that no statement reads more rows than a slice has', async () => {
      const read: number[] = []
      const noteRows: KyselyPlugin = {
        transformQuery: ({ node }) => node,
        transformResult: async ({ result }) => {
          read.push(Number(result.rows[0]!.rows))
          return result
        },
      }
      await countWith(opened.database.withPlugin(noteRows))
      assert.deepEqual(read, [...Array(Math.floor(EVENTS / ROWS_A_SLICE)).fill(ROWS_A_SLICE), EVENTS % ROWS_A_SLICE])
    })

    test('and no further than memory allows, from where another count continues', async () => {
      let events = 0
      let lastId: string | undefined
      let pages = 0
      do {
        const { counts, countedBackTo } = await countWith(opened.database, {
          by: 'type',
          after: lastId,
          mostGroups: 25,
        })
        for (const count of counts) events += count.events
        if (countedBackTo) assert.equal(typeof countedBackTo.at.getTime(), 'number')
        lastId = countedBackTo?.id
        pages++
      } while (lastId !== undefined)
      assert.ok(pages > 2, `${pages} pages`)
      const { rows } = await sql<{ sum: number }>`select sum(count)::int from audit_event`.execute(opened.database)
      assert.equal(events, rows[0]!.sum)
    })
  })
