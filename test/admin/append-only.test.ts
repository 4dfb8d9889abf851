import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { sql } from 'kysely'
import pg from 'pg'
import { countFailure, deleteOldEvents, recordEvent } from '../../src/audit/audit-store.ts'
import { DATABASES, openTestDatabase, shiftClock } from '../support/database.ts'
import { startTestService } from '../support/service.ts'

const DAY = 86_400 // seconds

for (const kind of DATABASES)
  describe(`audit events on ${kind}`, () => {
    test('are never changed, except that the count of those that share a row rises', async () => {
      await using opened = await openTestDatabase(kind)
      const { database } = opened
      const failure = { email: 'ann@example.com', network: '192.0.2.1', reason: 'invalid_credentials' }
      await countFailure(database, 'sign_in.failed', failure)
      await countFailure(database, 'sign_in.failed', failure)
      for (const change of [
        sql`set email = 'bob@example.com'`,
        sql`set at = at - interval '1 year'`,
        sql`set count = count - 1`,
        sql`set operator = 'nobody', count = count + 1`,
      ])
        await assert.rejects(sql`update audit_event ${change}`.execute(database), /never changed/)
      const { count, email } = await database.selectFrom('audit_event').selectAll().executeTakeFirstOrThrow()
      assert.deepEqual([Number(count), email], [2, 'ann@example.com'])
    })

    test('are kept for as long as their owner says, whatever the service asks for', async () => {
      await using opened = await openTestDatabase(kind)
      const { database } = opened
      await recordEvent(database, 'account.created', { email: 'ann@example.com' })
      assert.equal(await deleteOldEvents(database, 0), 0)
      await sql`create or replace function audit_kept_at_least() returns interval language sql stable parallel safe
        as $$ select interval '90 days' $$`.execute(database)
      await shiftClock(database, 89 * DAY)
      assert.equal(await deleteOldEvents(database, DAY), 0)
      await shiftClock(database, 91 * DAY)
      assert.equal(await deleteOldEvents(database, DAY), 1)
    })
  })

describe('a role with the rights that docs/audit.md grants', () => {
  test('adds events, counts failures and lets old ones be deleted, and can neither change nor delete nor backdate any', async () => {
    const role = `auth_service_${randomBytes(6).toString('hex')}`
    await using service = await startTestService('PostgreSQL') // makes all that the grants name
    const owner = service.service.database
    await sql`create role ${sql.id(role)} login password 'of the test'`.execute(owner)
    try {
      for (const statement of grantsFor(role)) await sql.raw(statement).execute(owner)
      const url = new URL(service.databaseUrl!)
      Object.assign(url, { username: role, password: 'of the test' })
      const client = new pg.Client({ connectionString: url.href })
      await client.connect()
      try {
        const add =
          "insert into audit_event (type, outcome, email) values ('account.created', 'success', 'ann@example.com')"
        await client.query(add)
        await client.query("update audit_event set count = count + 1 where email = 'ann@example.com'")
        const { rows } = await client.query("select count from audit_event where email = 'ann@example.com'")
        assert.deepEqual(rows, [{ count: 2 }])
        const { rows: deleted } = await client.query("select delete_old_audit_events('0 seconds', 1000) as deleted")
        assert.deepEqual(deleted, [{ deleted: 0 }])
        await shiftClock(owner, 91 * DAY)
        const { rows: old } = await client.query("select delete_old_audit_events('90 days', 1000) as deleted")
        assert.ok(old[0].deleted >= 1)
        for (const refused of [
          'delete from audit_event',
          'truncate audit_event',
          "update audit_event set email = 'bob@example.com'",
          "insert into audit_event (type, outcome, at) values ('account.created', 'success', now() - interval '1 year')",
          'drop trigger audit_event_unchanged on audit_event',
          'alter table audit_event disable trigger all',
          "create or replace function audit_kept_at_least() returns interval language sql as $$ select interval '0' $$",
          "create or replace function auth_now() returns timestamptz language sql as $$ select now() + interval '9 years' $$",
        ])
          await assert.rejects(client.query(refused), { code: '42501' }, refused)
      } finally {
        await client.end()
      }
    } finally {
      await sql`drop owned by ${sql.id(role)}`.execute(owner)
      await sql`drop role ${sql.id(role)}`.execute(owner)
    }
  })
})

test('the grants of docs/audit.md name every table', () => {
  const schema = readFileSync(join(import.meta.dirname, '../../schema.sql'), 'utf8')
  const tables = [...schema.matchAll(/^create table (\w+) /gm)].map(([, table]) => table!)
  const granted = grantsFor('auth_service').flatMap(
    statement => statement.match(/ on (.*) to /)?.[1]?.split(', ') ?? [],
  )
  assert.ok(tables.length >= 9)
  assert.deepEqual(
    tables.filter(table => !granted.includes(table)),
    [],
  )
})

/** The statements of docs/audit.md for a role of another name. */
function grantsFor(role: string): string[] {
  const text = readFileSync(join(import.meta.dirname, '../../docs/audit.md'), 'utf8')
  const block = /## Append-only[\s\S]*?```sql\n([\s\S]*?)```/.exec(text)![1]!
  const statements = block
    .replaceAll('auth_service', role)
    .split(';\n')
    .filter(part => part.trim() !== '')
  assert.ok(statements.length >= 9)
  return statements
}
