import { type ColumnType, type Generated, sql } from 'kysely'
import { eventForEach } from '../../audit/audit-store.ts'
import type { EmailAddress } from '../../email/address.ts'
import { type DatabaseTransaction, DELETED_AT_ONCE, type Queryable } from '../../storage/database.ts'

declare module '../../storage/database.ts' {
  interface Tables {
    confirmation_letter: {
      id: string
      account_id: string | null
      address: string
      sign_up: boolean
      requested_at: ColumnType<Date, never, never>
      allowed_at: Date | null
      waits: Generated<boolean>
      by_address: Generated<boolean>
      mailbox: Generated<string>
      extra: Generated<boolean>
      sent_at: Date | null
      expires_at: Date | null
      failed_at: Date | null
      failure: string | null
      deferred_at: Date | null
      shown_sent_at: Date | null
      shown_expires_at: Date | null
      shown_failed_at: Date | null
    }
  }
}

export type Letter = {
  id: string
  /** Null until the account of a letter that was asked for by address is found. */
  accountId: string | null
  /** Whom it is for. */
  address: EmailAddress
  /** The address without its +tag; the daily limit counts by it. */
  mailbox: string
  /** What asked for it: the sign-up itself, its ticket, or somebody who gave the address. */
  askedBy: 'sign_up' | 'ticket' | 'address'
  requestedAt: Date
  /** When the limits released it. */
  allowedAt: Date | null
  /** Whether the limits hold it, and its ticket shows it as if they did not. */
  isHeld: boolean
  sentAt: Date | null
  failedAt: Date | null
  /** Whether its link has expired; one that is not recorded as sent has not. */
  isExpired: boolean
  /** Whether it has been tried for so long that delivery is given up. */
  isOverdue: boolean
}

/** How long delivery is tried. */
const TRIED_FOR = 48 * 3_600 // seconds

const letterColumns = sql`id, account_id as "accountId", address, mailbox,
  case when sign_up then 'sign_up' when by_address then 'address' else 'ticket' end as "askedBy",
  requested_at as "requestedAt", allowed_at as "allowedAt", waits and allowed_at is null as "isHeld", sent_at as "sentAt",
  failed_at as "failedAt", coalesce(expires_at <= auth_now(), false) as "isExpired",
  case when waits then coalesce(allowed_at, auth_now()) else requested_at end < auth_now() - make_interval(secs => ${sql.lit(TRIED_FOR)}) as "isOverdue"`

export async function findLetter(db: Queryable, id: string): Promise<Letter | undefined> {
  const { rows } = await sql<Letter>`select ${letterColumns} from confirmation_letter where id = ${id}`.execute(db)
  return rows[0]
}

/**
 * Notes the letters that sign-ups themselves ask for; one that is noted already stays.
 * @param noted their accounts, and the ids of new letters
 */
export async function ensureSignUpLetters(
  db: Queryable,
  noted: readonly { id: string; accountId: string }[],
): Promise<Letter[]> {
  const accountIds = noted.map(({ accountId }) => accountId)
  await sql`
    insert into confirmation_letter (id, account_id, address, sign_up)
    select noted.id, account.id, email, true
    from unnest(${noted.map(({ id }) => id)}::uuid[], ${accountIds}::uuid[]) as noted (id, account_id)
    join account on account.id = noted.account_id
    on conflict (account_id) where sign_up do nothing`.execute(db)
  // A statement of its own: the first does not see what another transaction has inserted while it waited for that.
  const { rows } = await sql<Letter>`
    select ${letterColumns} from confirmation_letter
    where sign_up and account_id = any(${accountIds}::uuid[])`.execute(db)
  return rows
}

const REPEATS = {
  after: 60, // seconds
  anHour: 5,
  aDay: 10,
}

/**
 * Notes that a ticket asked for another letter. Whether it may depends on what the same ticket asked for before, and on
 * nothing else, since the ticket shows it.
 * @returns false when it may not, or the account is gone
 */
export async function insertLetterToAccount(
  transaction: DatabaseTransaction,
  id: string,
  accountId: string,
): Promise<boolean> {
  await sql`select pg_advisory_xact_lock(hashtextextended('repeats of ' || ${accountId}, 0))`.execute(transaction)
  const { rows } = await sql`insert into confirmation_letter (id, account_id, address, sign_up)
    select ${id}, id, email, false from account where id = ${accountId} and (
      select count(*) < ${sql.lit(REPEATS.aDay)}
        and count(*) filter (where requested_at > auth_now() - interval '1 hour') < ${sql.lit(REPEATS.anHour)}
        and coalesce(max(requested_at) <= auth_now() - make_interval(secs => ${sql.lit(REPEATS.after)}), true)
      from confirmation_letter
      where account_id = ${accountId} and not sign_up and not by_address
        and requested_at > auth_now() - interval '1 day'
    ) returning 1`.execute(transaction)
  return rows.length > 0
}

/** Notes a request for another letter without looking whether the address is known: the worker does. */
export async function insertLetterToAddress(db: Queryable, id: string, address: EmailAddress): Promise<void> {
  await sql`insert into confirmation_letter (id, address, sign_up, by_address)
    values (${id}, ${address}, false, true)`.execute(db)
}

/** Releases a letter that was asked for by address to the account that was found for it. */
export async function assignLetter(db: Queryable, id: string, accountId: string): Promise<void> {
  await sql`update confirmation_letter set account_id = ${accountId}, allowed_at = coalesce(allowed_at, auth_now())
    where id = ${id} and account_id is null`.execute(db)
}

export async function deleteLetter(db: Queryable, id: string): Promise<void> {
  await sql`delete from confirmation_letter where id = ${id}`.execute(db)
}

export type LinkLifetime = {
  /** Seconds that a link is good; but not longer than the unconfirmed account. */
  lifetime: number
  /** Seconds that an unconfirmed account lives. */
  unconfirmedFor: number
}

/** When the link of a letter that is sent now ends, given the row of its account. */
export const linkEndFrom = ({ lifetime, unconfirmedFor }: LinkLifetime) => sql<Date>`least(
  auth_now() + make_interval(secs => ${lifetime}),
  case when account.confirmed_at is null then account.created_at + make_interval(secs => ${unconfirmedFor}) end
)`

/** Records that the mail server took the letters; from now on their links live. */
export async function recordSent(db: Queryable, ids: readonly string[], lifetime: LinkLifetime): Promise<void> {
  await sql`
    with sent as (
      update confirmation_letter letter set
        sent_at = auth_now(),
        allowed_at = coalesce(allowed_at, auth_now()),
        expires_at = ${linkEndFrom(lifetime)}
      from account
      where letter.id = any(${ids}::uuid[]) and letter.sent_at is null and account.id = letter.account_id
      returning letter.account_id, letter.address
    )
    ${eventForEach('letter.sent', sql`sent`, LETTER_FACTS)}`.execute(db)
}

const LETTER_FACTS = { accountId: sql`account_id`, email: sql`address` }

/** Records that delivery is given up, and why. */
export async function recordFailure(
  db: Queryable,
  id: string,
  { reason, failure }: { reason: 'undeliverable' | 'given_up'; failure: string },
): Promise<void> {
  await sql`
    with failed as (
      update confirmation_letter set failed_at = auth_now(), failure = ${failure}
      where id = ${id} and sent_at is null
      returning account_id, address
    )
    ${eventForEach('letter.failed', sql`failed`, { ...LETTER_FACTS, reason: sql`${reason}` })}`.execute(db)
}

/** Records that the mail server did not take the letter, though it may later. */
export async function recordDeferral(db: Queryable, id: string): Promise<void> {
  await sql`update confirmation_letter set deferred_at = auth_now() where id = ${id} and sent_at is null`.execute(db)
}

export type LetterStatus = {
  state: 'queued' | 'sent' | 'undeliverable' | 'expired'
  sentAt: Date | null
  expiresAt: Date | null
}

/**
 * The state of the letter that the sign-up or its ticket asked for last; undefined before the worker has noted the first
 * one. One that was asked for by address is not shown, and one that is held is shown as if it were not.
 */
export async function newestLetterStatus(db: Queryable, accountId: string): Promise<LetterStatus | undefined> {
  const { rows } = await sql<LetterStatus>`
    select
      case
        when failed_at is not null then 'undeliverable'
        when sent_at is null then 'queued'
        when expires_at <= auth_now() then 'expired'
        else 'sent'
      end as state,
      sent_at as "sentAt", expires_at as "expiresAt"
    from (${lettersAsShown}) as letter
    where account_id = ${accountId} and not by_address
    order by requested_at desc, id desc
    limit 1`.execute(db)
  return rows[0]
}

/** What was shown once of a letter that was held stays, whatever becomes of the letter itself. */
const isShownAsHeld = sql`(shown_sent_at is not null or shown_failed_at is not null)`
const lettersAsShown = sql`
  select id, account_id, by_address, requested_at,
    case when ${isShownAsHeld} then shown_sent_at else sent_at end as sent_at,
    case when ${isShownAsHeld} then shown_expires_at else expires_at end as expires_at,
    case when ${isShownAsHeld} then shown_failed_at else failed_at end as failed_at
  from confirmation_letter`

const KEPT_FOR = 30 * 86_400 // seconds
/** Deletes letters from long ago. @returns how many, at most 1,000 */
export async function deleteOldLetters(db: Queryable): Promise<number> {
  const { rows } = await sql`
    delete from confirmation_letter where id in (
      select id from confirmation_letter
      where requested_at < auth_now() - make_interval(secs => ${KEPT_FOR})
      limit ${DELETED_AT_ONCE}
    ) returning 1`.execute(db)
  return rows.length
}
