import type { World } from './world.ts'

/**
 * What no moment may show, as what each query counts: things that belong together and of which only one is there.
 * Accounts and letters are seen once their transaction has committed, and their messages with them.
 */
const QUERIES = {
  'an account without its message': `
    select count(*)::int as count from account where not exists (
      select 1 from pgboss.job where name = 'account.created' and data->>'account_id' = account.id::text)`,
  'a message without its account': `
    select count(*)::int as count from pgboss.job where name = 'account.created' and not exists (
      select 1 from account where account.id::text = data->>'account_id')`,
  'a letter that was asked for without its message': `
    select count(*)::int as count from confirmation_letter letter where not sign_up and not exists (
      select 1 from pgboss.job where name in ('letter.requested', 'letter.requested_by_address') and data->>'letter_id' = letter.id::text)`,
  'a confirmed account without the event of its confirmation': `
    select count(*)::int as count from account where confirmed_at is not null and not exists (
      select from audit_event where type = 'account.confirmed' and account_id = account.id)`,
  'an event of a confirmation without its confirmed account': `
    select count(*)::int as count from audit_event where type = 'account.confirmed' and not exists (
      select from account where account.id = account_id and confirmed_at is not null)`,
  'a session of an account that is not confirmed': `
    select count(*)::int as count from session join account on account.id = account_id where confirmed_at is null`,
} as const

/** The half states that the database holds. */
export async function halfStates({ query }: World): Promise<string[]> {
  const found: string[] = []
  for (const [what, text] of Object.entries(QUERIES)) {
    const [row] = await query<{ count: number }>(text)
    if (row!.count > 0) found.push(what)
  }
  return found
}

/** How many connections hold a transaction that nobody works on any more. */
export async function forgottenTransactions({ query }: World): Promise<number> {
  const [row] = await query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity where datname = current_database()
      and state like 'idle in transaction%' and state_change < now() - interval '2 seconds'`,
  )
  return row!.count
}
