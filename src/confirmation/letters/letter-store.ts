import { type ColumnType, type Generated, sql } from 'kysely'
import { eventForEach } from '../../audit/audit-store.ts'
import type { EmailAddress } from '../../email/address.ts'
import { DELETED_AT_ONCE, type Queryable } from '../../storage/database.ts'

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
      sent_at: Date | null
      expires_at: Date | null
      failed_at: Date | null
      failure: string | null
    }
  }
}

export type Letter = {
  id: string
  /** Null until the account of a letter that was asked for by address is found. */
  accountId: string | null
  /** Whom it is for. */
  address: EmailAddress
  /** Whether the sign-up itself asked for it. */
  isOfSignUp: boolean
  requestedAt: Date
  /** When the limits let it go. */
  allowedAt: Date | null
  sentAt: Date | null
  failedAt: Date | null
  /** Whether its link has expired; one that is not recorded as sent has not. */
  isExpired: boolean
  /** Whether it has been tried for so long that delivery is given up. */
  isOverdue: boolean
}

/** How long delivery is tried. */
const TRIED_FOR = 48 * 3_600 // seconds

const letterColumns = sql`id, account_id as "accountId", address, sign_up as "isOfSignUp",
  requested_at as "requestedAt", allowed_at as "allowedAt", sent_at as "sentAt",
  failed_at as "failedAt", coalesce(expires_at <= auth_now(), false) as "isExpired",
  coalesce(allowed_at < auth_now() - make_interval(secs => ${sql.lit(TRIED_FOR)}), false) as "isOverdue"`

export async function findLetter(db: Queryable, id: string): Promise<Letter | undefined> {
  const { rows } = await sql<Letter>`select ${letterColumns} from confirmation_letter where id = ${id}`.execute(db)
  return rows[0]
}

/** Notes the letter that the sign-up itself asks for; one that is noted already stays. */
export async function ensureSignUpLetter(db: Queryable, id: string, accountId: string): Promise<Letter | undefined> {
  await sql`insert into confirmation_letter (id, account_id, address, sign_up)
    select ${id}, id, email, true from account where id = ${accountId}
    on conflict (account_id) where sign_up do nothing`.execute(db)
  const { rows } = await sql<Letter>`
    select ${letterColumns} from confirmation_letter where account_id = ${accountId} and sign_up`.execute(db)
  return rows[0]
}

/** Notes a request for another letter. @returns false when the account is gone */
export async function insertLetterToAccount(db: Queryable, id: string, accountId: string): Promise<boolean> {
  const { rows } = await sql`insert into confirmation_letter (id, account_id, address, sign_up)
    select ${id}, id, email, false from account where id = ${accountId} returning 1`.execute(db)
  return rows.length > 0
}

/** Notes a request for another letter without looking whether the address is known: the worker does. */
export async function insertLetterToAddress(db: Queryable, id: string, address: EmailAddress): Promise<void> {
  await sql`insert into confirmation_letter (id, address, sign_up) values (${id}, ${address}, false)`.execute(db)
}

export async function assignLetter(db: Queryable, id: string, accountId: string): Promise<void> {
  await sql`update confirmation_letter set account_id = ${accountId}
    where id = ${id} and account_id is null`.execute(db)
}

export async function deleteLetter(db: Queryable, id: string): Promise<void> {
  await sql`delete from confirmation_letter where id = ${id}`.execute(db)
}

/**
 * Records that the mail server took the letter; from now on its link lives.
 * @param lifetime seconds; but not longer than the unconfirmed account
 * @param unconfirmedFor seconds that an unconfirmed account lives
 */
export async function recordSent(
  db: Queryable,
  id: string,
  { lifetime, unconfirmedFor }: { lifetime: number; unconfirmedFor: number },
): Promise<void> {
  await sql`
    with sent as (
      update confirmation_letter letter set
        sent_at = auth_now(),
        allowed_at = coalesce(allowed_at, auth_now()),
        expires_at = least(
          auth_now() + make_interval(secs => ${lifetime}),
          case when account.confirmed_at is null then account.created_at + make_interval(secs => ${unconfirmedFor}) end
        )
      from account
      where letter.id = ${id} and letter.sent_at is null and account.id = letter.account_id
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

export type LetterStatus = {
  state: 'queued' | 'sent' | 'undeliverable' | 'expired'
  sentAt: Date | null
  expiresAt: Date | null
}

/** The state of the letter that was asked for last; undefined before the worker has noted the first one. */
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
    from confirmation_letter
    where account_id = ${accountId}
    order by requested_at desc, id desc
    limit 1`.execute(db)
  return rows[0]
}

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
