import { type ColumnType, type Generated, sql } from 'kysely'
import { eventForEach } from '../audit/audit-store.ts'
import type { EmailAddress } from '../email/address.ts'
import { DELETED_AT_ONCE, type Queryable } from '../storage/database.ts'

declare module '../storage/database.ts' {
  interface Tables {
    device_link: {
      email: string
      request_id: string
      requested_at: Generated<Date>
      pending_since: ColumnType<Date | null, never, never>
      link_id: string | null
      account_id: string | null
      sent_at: Date | null
      expires_at: ColumnType<Date | null, never, never>
      used_at: Date | null
      failed_at: Date | null
    }
  }
}

/** How long a device link is good, from its last email. */
export const DEVICE_LINK_LIFETIME = 24 * 3_600 // seconds
const REQUESTED_AFTER = 60 // seconds
const SENT_AGAIN_AFTER = 6 * 3_600 // seconds, while the link is unused or delivery failed
const TRIED_FOR = 24 * 3_600 // seconds
const GIVEN_UP_WITHIN = 15 * 60 // seconds after that; a message comes again within 5 minutes

// For longer than it is tried: else the next request would take its place before delivery is given up.
const isPending = sql`(link.pending_since > auth_now() - make_interval(secs => ${sql.lit(TRIED_FOR + GIVEN_UP_WITHIN)}))`

/**
 * Notes that a sign-in at an address was refused by its limits. It does the same for every address: what depends on the
 * account is the worker's to find out. A request that is still to be dealt with stays: else messages that wait in a long
 * queue would each be overtaken before their turn, and those that are tried again would pile up.
 * @returns false when another request was noted within the last minute
 */
export async function noteDeviceLinkRequest(db: Queryable, requestId: string, email: EmailAddress): Promise<boolean> {
  const { rows } = await sql`
    insert into device_link as link (email, request_id, pending_since) values (${email}, ${requestId}, auth_now())
    on conflict (email) do update set
      requested_at = auth_now(),
      request_id = case when ${isPending} then link.request_id else excluded.request_id end,
      pending_since = case when ${isPending} then link.pending_since else auth_now() end
    where not (link.requested_at between auth_now() - make_interval(secs => ${REQUESTED_AFTER})
      and auth_now() + make_interval(secs => ${REQUESTED_AFTER})) -- later than that, the clock was put back
    returning 1`.execute(db)
  return rows.length > 0
}

/** A request for the email of a device link. */
export type DeviceLinkRequest = {
  email: EmailAddress
  requestedAt: Date
  /** Whether it has been tried for so long that delivery is given up. */
  isOverdue: boolean
}

/** A request that is to be dealt with; undefined when it was, or when another one of its address is. */
export async function findDeviceLinkRequest(db: Queryable, requestId: string): Promise<DeviceLinkRequest | undefined> {
  const { rows } = await sql<DeviceLinkRequest>`
    select email, requested_at as "requestedAt",
      pending_since < auth_now() - make_interval(secs => ${TRIED_FOR}) as "isOverdue"
    from device_link where request_id = ${requestId} and pending_since is not null`.execute(db)
  return rows[0]
}

/** Notes that a request was dealt with, whatever came of it. */
export async function settleDeviceLinkRequest(db: Queryable, requestId: string): Promise<void> {
  await sql`update device_link set pending_since = null where request_id = ${requestId}`.execute(db)
}

const isGood = sql`(used_at is null and coalesce(expires_at > auth_now(), true))`

/**
 * The link to send for a request: the unused one of the account, or a new one.
 * @param newId the id of a new one
 * @returns its id; undefined when its last email was sent so recently that no other is needed, delivery to the address
 *   was given up as recently, or another request has taken the place of this one
 */
export async function prepareDeviceLink(
  db: Queryable,
  { requestId, accountId, newId }: { requestId: string; accountId: string; newId: string },
): Promise<string | undefined> {
  const { rows } = await sql<{ id: string }>`
    with requested as (
      select email, coalesce(account_id = ${accountId} and ${isGood}, false) as is_good
      from device_link where request_id = ${requestId} for update
    )
    update device_link link set
      account_id = ${accountId},
      link_id = case when is_good then link_id else ${newId} end,
      sent_at = case when is_good then sent_at end,
      expires_at = case when is_good then expires_at end,
      used_at = null,
      failed_at = null
    from requested
    where link.email = requested.email
      and not coalesce(failed_at between auth_now() - make_interval(secs => ${SENT_AGAIN_AFTER})
        and auth_now() + make_interval(secs => ${REQUESTED_AFTER}), false) -- later than that, the clock was put back
      and not (is_good and coalesce(sent_at > auth_now() - make_interval(secs => ${SENT_AGAIN_AFTER}), false))
    returning link_id as id`.execute(db)
  return rows[0]?.id
}

const FACTS = { accountId: sql`account_id`, email: sql`email` }

/** Records that the mail server took an email with the link; from now on it is good for its whole lifetime. */
export async function recordDeviceLinkSent(db: Queryable, linkId: string): Promise<void> {
  await sql`
    with sent as (
      update device_link set sent_at = auth_now(),
        expires_at = auth_now() + make_interval(secs => ${DEVICE_LINK_LIFETIME})
      where link_id = ${linkId} returning account_id, email
    )
    ${eventForEach('device_link.sent', sql`sent`, FACTS)}`.execute(db)
}

/** Records that delivery was given up, and why. */
export async function recordDeviceLinkFailure(
  db: Queryable,
  linkId: string,
  reason: 'undeliverable' | 'given_up',
): Promise<void> {
  await sql`
    with failed as (
      update device_link set failed_at = auth_now() where link_id = ${linkId} returning account_id, email
    )
    ${eventForEach('device_link.failed', sql`failed`, { ...FACTS, reason: sql`${reason}` })}`.execute(db)
}

/** The address of an account whose link is good; undefined for one that was used or has expired. */
export async function findGoodDeviceLink(db: Queryable, linkId: string): Promise<EmailAddress | undefined> {
  const { rows } = await sql<{ email: EmailAddress }>`
    select email from device_link where link_id = ${linkId} and ${isGood}`.execute(db)
  return rows[0]?.email
}

const REPEATED_FOR = 60 // seconds

/**
 * Uses a link, which works once; whoever repeats it within a minute, such as after a lost answer, is told the same.
 * @param network where the request comes from; see `networkOf`
 * @returns the account whose device it makes known; undefined for a link that is not good
 */
export async function useDeviceLink(db: Queryable, linkId: string, network: string): Promise<string | undefined> {
  const { rows } = await sql<{ accountId: string }>`
    with link as materialized (
      select email, account_id, used_at is null as is_unused from device_link
      where link_id = ${linkId}
        and (${isGood} or used_at > auth_now() - make_interval(secs => ${REPEATED_FOR}))
      for update
    ), used as (
      update device_link set used_at = auth_now() from link
      where device_link.email = link.email and is_unused
      returning device_link.account_id, device_link.email
    ), recorded as (
      ${eventForEach('device_link.used', sql`used`, { ...FACTS, network: sql`${network}` })}
    )
    select account_id as "accountId" from link`.execute(db)
  return rows[0]?.accountId
}

const KEPT_FOR = 7 * 86_400 // seconds
/** Deletes what was requested long ago. @returns how many, at most 1,000 */
export async function deleteOldDeviceLinks(db: Queryable): Promise<number> {
  const { rows } = await sql`
    delete from device_link where email in (
      select email from device_link
      where requested_at < auth_now() - make_interval(secs => ${KEPT_FOR})
      limit ${DELETED_AT_ONCE}
    ) and requested_at < auth_now() - make_interval(secs => ${KEPT_FOR}) returning 1`.execute(db)
  return rows.length
}
