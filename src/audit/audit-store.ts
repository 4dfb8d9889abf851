import { type RawBuilder, sql } from 'kysely'
import { DELETED_AT_ONCE, type Queryable } from '../storage/database.ts'
import { EVENT_TYPES, type EventType } from './event-types.ts'

declare module '../storage/database.ts' {
  interface Tables {
    audit_event: {
      id: string
      at: Date
      type: EventType
      outcome: 'success' | 'failure'
      account_id: string | null
      email: string | null
      session_id: string | null
      network: string | null
      factor: string | null
      reason: string | null
      count: number
      minute: Date | null
      operator: string | null
    }
  }
}

/** What is known of an event; the database adds the time. */
export type EventFacts = {
  accountId?: string | undefined
  email?: string | undefined
  sessionId?: string | undefined
  /** Where the request came from; see `networkOf`. */
  network?: string | undefined
  /** RFC 8176. */
  factor?: string | undefined
  reason?: string | undefined
  /** Who asked for it on the command line. */
  operator?: string | undefined
  /** How often it happened; 1 by default. */
  count?: number | undefined
}

/** Records an event. Takes the transaction in which that happened which it tells of. */
export async function recordEvent(db: Queryable, type: EventType, facts: EventFacts): Promise<void> {
  const { accountId, email, sessionId, network, factor, reason, operator, count = 1 } = facts
  await sql`insert into audit_event (type, outcome, account_id, email, session_id, network, factor, reason, operator, count)
    values (${type}, ${EVENT_TYPES[type]}, ${accountId ?? null}, ${email ?? null}, ${sessionId ?? null},
      ${network ?? null}, ${factor ?? null}, ${reason ?? null}, ${operator ?? null}, ${count})`.execute(db)
}

/**
 * Records a failure that may be one of thousands: those of one address, network, reason and minute share a row, which
 * counts them.
 */
export async function countFailure(
  db: Queryable,
  type: EventType,
  { accountId, email, network, reason }: EventFacts & { email: string; network: string; reason: string },
): Promise<void> {
  await sql`insert into audit_event as event (type, outcome, account_id, email, network, reason, minute)
    values (${type}, ${EVENT_TYPES[type]}, ${accountId ?? null}, ${email}, ${network}, ${reason},
      date_trunc('minute', auth_now()))
    on conflict (minute, type, email, network, reason) where minute is not null do update set count = event.count + 1`.execute(
    db,
  )
}

/**
 * The insertion of one event for each row of an earlier part of the same statement, which changed it: both commit
 * together, in one question to the database.
 *
 * @param rows that part
 * @param facts expressions over its columns
 */
export function eventForEach(
  type: EventType,
  rows: RawBuilder<unknown>,
  { accountId, email, sessionId, network, reason, operator }: { [Fact in keyof EventFacts]?: RawBuilder<unknown> },
): RawBuilder<unknown> {
  const nothing = sql`null`
  return sql`insert into audit_event (type, outcome, account_id, email, session_id, network, reason, operator)
    select ${type}, ${EVENT_TYPES[type]}, ${accountId ?? nothing}::uuid, ${email ?? nothing}::text,
      ${sessionId ?? nothing}::uuid, ${network ?? nothing}::text, ${reason ?? nothing}::text, ${operator ?? nothing}::text
    from ${rows}`
}

export type OperatorEvent = {
  id: string
  at: Date
  type: EventType
  account: string | null
  session: string | null
  reason: string | null
  count: number
  operator: string
}

/** What operators did within so many seconds, the oldest first. */
export async function eventsOfOperators(db: Queryable, seconds: number): Promise<OperatorEvent[]> {
  const { rows } = await sql<OperatorEvent>`
    select id::text as id, at, type, account_id as account, session_id as session, reason, count, operator
    from audit_event where operator is not null and at > auth_now() - make_interval(secs => ${seconds})
    order by at, audit_event.id`.execute(db)
  return rows
}

/**
 * Deletes what has been kept long enough, by a function with the rights of its owner: the service's own role need not be
 * able to delete events, see docs/audit.md.
 * @param retention seconds
 * @returns how many, at most 1,000
 */
export async function deleteOldEvents(db: Queryable, retention: number): Promise<number> {
  const { rows } = await sql<{ deleted: number }>`
    select delete_old_audit_events(make_interval(secs => ${retention}), ${sql.lit(DELETED_AT_ONCE)}) as deleted`.execute(
    db,
  )
  return rows[0]!.deleted
}

/** The networks that sign-ins with an email address failed from within the last two days, at most 10,000. */
export async function networksOfFailedSignIns(db: Queryable, email: string): Promise<string[]> {
  const { rows } = await sql<{ network: string }>`
    select distinct network from audit_event
    where email = ${email} and type = 'sign_in.failed' and at > auth_now() - interval '2 days' and network is not null
    limit 10000`.execute(db)
  return rows.map(({ network }) => network)
}
