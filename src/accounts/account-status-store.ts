import { sql } from 'kysely'
import { eventForEach } from '../audit/audit-store.ts'
import type { Database, Queryable } from '../storage/database.ts'
import { IS_SUPERSEDED } from './account-store.ts'

const FACTS = { accountId: sql`id`, email: sql`email` }

/**
 * Disables an account. A trigger ends its sessions and raises its revision: a sign-in under way either has its session
 * ended, or finds the account changed when it tries to start one.
 * @param operator who asked for it on the command line
 * @returns false when the account was not active
 */
export async function disableAccount(db: Queryable, id: string, operator?: string): Promise<boolean> {
  const { rows } = await sql`
    with changed as (
      update account set status = 'disabled' where id = ${id} and status = 'active' returning id, email
    ), recorded as (
      ${eventForEach('account.disabled', sql`changed`, { ...FACTS, operator: sql`${operator ?? null}` })}
    )
    select 1 from changed`.execute(db)
  return rows.length > 0
}

/** Lets a disabled account sign in again. Its ended sessions stay so. @returns false when it was not disabled */
export async function enableAccount(db: Queryable, id: string, operator?: string): Promise<boolean> {
  const { rows } = await sql`
    with changed as (
      update account set status = 'active' where id = ${id} and status = 'disabled' returning id, email
    ), recorded as (
      ${eventForEach('account.enabled', sql`changed`, { ...FACTS, operator: sql`${operator ?? null}` })}
    )
    select 1 from changed`.execute(db)
  return rows.length > 0
}

const SUPERSEDED_AT_ONCE = 1_000

/**
 * Deletes an account with its sessions and all else but its audit events. The sign-ups that its confirmation superseded,
 * which its existence has refused, are marked as superseded before, some at a time: there is no limit to how many there are.
 * @returns false when there is none
 */
export async function deleteAccount(database: Database, id: string, operator?: string): Promise<boolean> {
  while ((await markSuperseded(database, id)) > 0);
  const { rows } = await sql`
    with deleted as (
      delete from account where id = ${id} returning id, email
    ), recorded as (
      ${eventForEach('account.deleted', sql`deleted`, { ...FACTS, operator: sql`${operator ?? null}` })}
    )
    select 1 from deleted`.execute(database)
  return rows.length > 0
}

/** @returns how many it found to mark, at most 1,000; some may have been deleted meanwhile, and there may be more */
async function markSuperseded(db: Queryable, id: string): Promise<number> {
  const { rows } = await sql<{ found: number }>`
    with superseded as materialized (
      select account.id, confirmed.confirmed_at as superseded_at
      from account confirmed join account on ${IS_SUPERSEDED}
      where confirmed.id = ${id} and account.superseded_at is null
      limit ${SUPERSEDED_AT_ONCE}
    ), marked as (
      update account set superseded_at = superseded.superseded_at
      from superseded where account.id = superseded.id and account.confirmed_at is null
    )
    select count(*)::int as found from superseded`.execute(db)
  return rows[0]!.found
}
