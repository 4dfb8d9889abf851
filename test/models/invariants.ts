import assert from 'node:assert/strict'
import { sql } from 'kysely'
import type { History } from './history.ts'
import type { World } from './world.ts'

/** What no history may break, whatever the model says. */
export async function assertInvariants({ addresses, accounts }: History, { database }: World): Promise<void> {
  const { rows } = await sql<{ email: string; confirmed: number; early: number; disabled: number }>`
    select email,
      (count(distinct account.id) filter (where confirmed_at is not null))::int as confirmed,
      (count(session.id) filter (where confirmed_at is null))::int as early,
      (count(session.id) filter (where status = 'disabled' and ended_at is null))::int as disabled
    from account left join session on session.account_id = account.id
    where email = any(${addresses})
    group by email`.execute(database)
  for (const { email, confirmed, early, disabled } of rows) {
    assert.ok(confirmed <= 1, `${email} has ${confirmed} confirmed accounts`)
    assert.equal(early, 0, `${email} has a session of an account that nobody confirmed`)
    assert.equal(disabled, 0, `${email} has a live session of a disabled account`)
    const known = accounts.filter(account => account.email === email && account.status !== 'unconfirmed').length
    assert.equal(confirmed, known, `${email} has ${confirmed} confirmed accounts, and ${known} by the model`)
  }
}
