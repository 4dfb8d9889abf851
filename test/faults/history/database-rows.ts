import pg from 'pg'
import type { AccountRow, Evidence } from './judge.ts'

/** Runs one statement. @returns its rows */
export type Query = (text: string) => Promise<unknown[]>

export type QueryClient = AsyncDisposable & { query: Query }

export async function connect(databaseUrl: string): Promise<QueryClient> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  return {
    query: async text => (await client.query(text)).rows,
    [Symbol.asyncDispose]: () => client.end(),
  }
}

/** How many messages are not completed, and letters neither sent nor given up. */
export async function countWaiting(query: Query): Promise<number> {
  const [row] = (await query(
    `select ((select count(*) from pgboss.job where state <> 'completed')
      + (select count(*) from confirmation_letter where sent_at is null and failed_at is null))::int as waiting`,
  )) as [{ waiting: number }]
  return row.waiting
}

/** What the database has to say for a judgement. */
export async function readEvidence(query: Query): Promise<Pick<Evidence, 'accounts' | 'givenUp' | 'waiting'>> {
  const accounts = (await query('select id, email, status from account')) as AccountRow[]
  const givenUp = (await query(
    `select email from confirmation_letter letter join account on account.id = letter.account_id
      where letter.failed_at is not null`,
  )) as { email: string }[]
  return { accounts, givenUp: givenUp.map(({ email }) => email), waiting: await countWaiting(query) }
}
