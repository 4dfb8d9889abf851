import { type RawBuilder, sql } from 'kysely'
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
const COLUMNS: Record<EventGroup, RawBuilder<string | null>> = {
  email: sql`email`,
  network: sql`network`,
  type: sql`type`,
}

export type EventCount = {
  value: string
  events: number
  /** Those of them whose outcome is a failure. */
  failures: number
  emails: number
  networks: number
  lastAt: Date
}

export type EventCounts = {
  /** The most first. */
  counts: EventCount[]
  /** The earliest event that was looked at, where there may be earlier ones. */
  countedBackTo?: { id: string; at: Date }
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
  return db
    .selectFrom('audit_event')
    .where(isInSpan(filter, after))
    .where(isChosen(filter))
    .select(['id', 'at', 'type', 'outcome', 'email', 'network', 'factor', 'reason', 'operator', 'count'])
    .select(['account_id as accountId', 'session_id as sessionId'])
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
}

const ROWS_A_SLICE = 2_000
const MOST_GROUPS = 200_000 // which are kept in memory, with those of earlier slices, until all are counted
const COUNTED_WITHIN = 15_000 // milliseconds; a running service gives a command 30 seconds

/**
 * How many events there are of each email address, network or type.
 *
 * They are counted in slices, from the latest on, so that on the embedded database, which has one connection, requests
 * come between. It ends early where there are too many for its memory or time.
 *
 * @param options.after the id of the event that the counts before ended with
 * @param options.rowsASlice how many rows one statement may read
 * @param options.mostGroups how many groups of all slices may be kept
 */
export async function countEvents(
  db: Queryable,
  filter: EventFilter,
  options: { by: EventGroup; limit: number; after?: string | undefined; rowsASlice?: number; mostGroups?: number },
): Promise<EventCounts> {
  const { by, limit, after, rowsASlice = ROWS_A_SLICE, mostGroups = MOST_GROUPS } = options
  const tallies = new Map<string, Tally>()
  const deadline = performance.now() + COUNTED_WITHIN
  let groupsLeft = mostGroups
  let last = after
  for (;;) {
    const { rows, earliest, groups } = await countSlice(db, filter, { by, after: last, rows: rowsASlice })
    for (const group of groups) addGroup(tallies, group)
    if (rows < rowsASlice) return { counts: largest(tallies, limit) }
    const { id, at } = earliest!
    groupsLeft -= groups.length
    if (groupsLeft <= 0 || performance.now() > deadline)
      return { counts: largest(tallies, limit), countedBackTo: { id, at: new Date(at) } }
    last = id
  }
}

/** Times are in milliseconds since the epoch. */
type Slice = {
  /** How many were read; fewer than asked for where there are no earlier ones. */
  rows: number
  earliest: { id: string; at: number } | null
  groups: [
    value: string,
    email: string | null,
    network: string | null,
    events: number,
    failures: number,
    lastAt: number,
  ][]
}
type Tally = { events: number; failures: number; emails: Set<string>; networks: Set<string>; lastAt: number }

async function countSlice(
  db: Queryable,
  filter: EventFilter,
  { by, after, rows }: { by: EventGroup; after: string | undefined; rows: number },
): Promise<Slice> {
  const { rows: slices } = await sql<Slice>`
    with slice as materialized (
      select id, at, type, outcome, account_id, email, network, operator, count
      from audit_event where ${isInSpan(filter, after)} order by at desc, id desc limit ${rows}
    ), counted as (
      select ${COLUMNS[by]} as value, email, network, sum(count) as events,
        coalesce(sum(count) filter (where outcome = 'failure'), 0) as failures, max(at) as last_at
      from slice where ${isChosen(filter)} and ${COLUMNS[by]} is not null group by value, email, network
    )
    select (select count(*)::int from slice) as rows,
      (select json_build_object('id', id::text, 'at', extract(epoch from at) * 1000) from slice order by at, id limit 1) as earliest,
      (select coalesce(json_agg(json_build_array(value, email, network, events, failures, extract(epoch from last_at) * 1000)), '[]')
        from counted) as groups`.execute(db)
  return slices[0]!
}

function addGroup(
  tallies: Map<string, Tally>,
  [value, email, network, events, failures, lastAt]: Slice['groups'][number],
): void {
  const tally = tallies.get(value) ?? { events: 0, failures: 0, emails: new Set(), networks: new Set(), lastAt }
  tallies.set(value, tally)
  tally.events += events
  tally.failures += failures
  if (email !== null) tally.emails.add(email)
  if (network !== null) tally.networks.add(network)
  tally.lastAt = Math.max(tally.lastAt, lastAt)
}

function largest(tallies: Map<string, Tally>, limit: number): EventCount[] {
  return [...tallies]
    .toSorted(([a, { events: ofA }], [b, { events: ofB }]) => ofB - ofA || (a < b ? -1 : 1))
    .slice(0, limit)
    .map(([value, { events, failures, emails, networks, lastAt }]) => ({
      value,
      events,
      failures,
      emails: emails.size,
      networks: networks.size,
      lastAt: new Date(lastAt),
    }))
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

/** What the indexes on the time find. @param after as of {@link listEvents} */
function isInSpan({ since }: EventFilter, after: string | undefined): RawBuilder<boolean> {
  return all([
    typeof since === 'number' && sql`at >= auth_now() - make_interval(secs => ${since})`,
    since instanceof Date && sql`at >= ${since}`,
    after !== undefined && sql`(at, id) < (select at, id from audit_event where id = ${after})`,
  ])
}

function isChosen({ account, types, network, isByOperator }: EventFilter): RawBuilder<boolean> {
  return all([
    account !== undefined && isOfAccount(account),
    types !== undefined && sql`type = any(${types}::text[])`,
    network !== undefined && sql`network = ${network}`,
    isByOperator && sql`operator is not null`,
  ])
}

function all(conditions: (RawBuilder<unknown> | false)[]): RawBuilder<boolean> {
  return sql<boolean>`${sql.join([sql`true`, ...conditions.filter(condition => condition !== false)], sql` and `)}`
}

// Events of a session do not hold the email address.
function isOfAccount(account: NonNullable<EventFilter['account']>) {
  if ('id' in account) return sql<boolean>`account_id = ${account.id}`
  const { email, accountIds } = account
  return sql<boolean>`(email = ${email} or account_id = any(${accountIds}::uuid[]))`
}
