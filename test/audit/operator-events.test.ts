import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ExplainNode, type KyselyPlugin, sql } from 'kysely'
import { listEvents } from '../../src/audit/event-list-store.ts'
import { DATABASES, openTestDatabase } from '../support/database.ts'

const asPlan: KyselyPlugin = {
  transformQuery: ({ node }) => ({ ...node, explain: ExplainNode.create() }) as typeof node,
  transformResult: async ({ result }) => result,
}

describe('what operators did is found among many other events without reading them', () => {
  for (const kind of DATABASES)
    test(`by an index on ${kind}`, async () => {
      await using opened = await openTestDatabase(kind)
      const { database } = opened
      await sql`insert into audit_event (type, outcome, operator)
        select 'account.disabled', 'success', case when n % 1000 = 0 then 'eve' end
        from generate_series(1, 10000) n`.execute(database)
      await sql`analyze audit_event`.execute(database)
      const ofOperators = { isByOperator: true }
      const [last] = await listEvents(database, ofOperators, { limit: 1 })
      for (const after of [undefined, last!.id]) {
        const plan = await listEvents(database.withPlugin(asPlan), ofOperators, { after, limit: 51 })
        const text = JSON.stringify(plan)
        assert.match(text, /using audit_event_operator/)
        assert.doesNotMatch(text, /Seq Scan|audit_event_at/)
      }
    })
})
