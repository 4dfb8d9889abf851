import { sql } from 'kysely'
import type { Queryable } from '../storage/database.ts'
import type { EventType } from './event-types.ts'

export type ListedEvent = {
  id: string
  at: Date
  type: EventType
  outcome: 'success' | 'failure'
  accountId: string | null
  email: string | null
  sessionId: string | null
  network: string | null
  factor: string | null
  reason: string | null
  operator: string | null
  count: number
}

/** Which events; those for which all of it holds. */
export type EventFilter = {
  /** Those of one account, by its id, or of all accounts that an email address has had. */
  account?: { id: string } | { email: string; accountIds: readonly string[] } | undefined
  types?: readonly EventType[] | undefined
  /** As `networkOf` writes it. */
  network?: string | undefined
  /** Only what operators did. */
  isByOperator: boolean
  /** The earliest time, or seconds before now on the clock of the database. */
  since?: Date | number | undefined
}

/** What events can be counted by. */
export type EventGroup = 'email' | 'network' | 'type'

export type EventCount = {
  value: string
  events: number
  /** Those of them whose outcome is a failure. */
  failures: number
  emails: number
  networks: number
  lastAt: Date
}

/**
 * Events, the latest first.
 * @param after the id of the last event of the page before
 */
export async function listEvents(
  db: Queryable,
  filter: EventFilter,
  { after, limit }: { after?: string | undefined; limit: number },
): Promise<ListedEvent[]> {
  return matching(db, filter)
    .select(['id', 'at', 'type', 'outcome', 'email', 'network', 'factor', 'reason', 'operator', 'count'])
    .select(['account_id as accountId', 'session_id as sessionId'])
    .$if(after !== undefined, query =>
      query.where(sql<boolean>`(at, id) < (select at, id from audit_event where id = ${after})`),
    )
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
}

/** How many events there are of each email address, network or type, the most first. */
export async function countEvents(
  db: Queryable,
  filter: EventFilter,
  { by, limit }: { by: EventGroup; limit: number },
): Promise<EventCount[]> {
  return matching(db, filter)
    .where(by, 'is not', null)
    .groupBy(by)
    .select(({ ref }) => ref(by).$castTo<string>().as('value'))
    .select([
      sql<number>`sum(count)::float8`.as('events'),
      sql<number>`coalesce(sum(count) filter (where outcome = 'failure'), 0)::float8`.as('failures'),
      sql<number>`count(distinct email)::int`.as('emails'),
      sql<number>`count(distinct network)::int`.as('networks'),
      sql<Date>`max(at)`.as('lastAt'),
    ])
    .orderBy('events', 'desc')
    .orderBy('value')
    .limit(limit)
    .execute()
}

/** The accounts that events tell of together with an email address; they may be gone. */
export async function accountsOfEmail(db: Queryable, email: string): Promise<string[]> {
  const query = db.selectFrom('audit_event').select('account_id').distinct().where('email', '=', email)
  return (await query.where('account_id', 'is not', null).execute()).map(({ account_id }) => account_id!)
}

/** Whether there is an event with that id. */
export async function hasEvent(db: Queryable, id: string): Promise<boolean> {
  return (await db.selectFrom('audit_event').select('id').where('id', '=', id).executeTakeFirst()) !== undefined
}

function matching(db: Queryable, { account, types, network, isByOperator, since }: EventFilter) {
  return db
    .selectFrom('audit_event')
    .$if(account !== undefined, query => query.where(isOfAccount(account!)))
    .$if(types !== undefined, query => query.where('type', 'in', types!))
    .$if(network !== undefined, query => query.where('network', '=', network!))
    .$if(isByOperator, query => query.where('operator', 'is not', null))
    .$if(since !== undefined, query =>
      query.where(
        typeof since === 'number'
          ? sql<boolean>`at >= auth_now() - make_interval(secs => ${since})`
          : sql<boolean>`at >= ${since}`,
      ),
    )
}

// Events of a session do not hold the email address.
function isOfAccount(account: NonNullable<EventFilter['account']>) {
  if ('id' in account) return sql<boolean>`account_id = ${account.id}`
  const { email, accountIds } = account
  return sql<boolean>`(email = ${email} or account_id = any(${accountIds}::uuid[]))`
}
