import { type RawBuilder, sql } from 'kysely'
import type { DatabaseTransaction, Queryable } from '../../storage/database.ts'
import type { Letter } from './letter-store.ts'

/** Emails of sign-ups and of tickets, as README and decision 12 promise them. */
const REGULAR = {
  anHour: 5, // to one address
  aDay: 10, // to one address
  aDayToMailbox: 30, // to all +tag variants of one address together
}
const EXTRA_EVERY = 3_600 // seconds, for each mailbox

/** What counts against the regular places: emails of the last day that took one. */
const regularlyReleased = (of: RawBuilder<unknown>) => sql`confirmation_letter
  where ${of} and not by_address and not extra and allowed_at > auth_now() - interval '1 day'`

/** Regular places that an address has left, whatever its variants have. */
const placesOfAddress = (address: RawBuilder<unknown>, mailbox: RawBuilder<unknown>) => sql<number>`(
  select greatest(0, least(
    ${sql.lit(REGULAR.anHour)} - count(*) filter (where allowed_at > auth_now() - interval '1 hour'),
    ${sql.lit(REGULAR.aDay)} - count(*)
  )) from ${regularlyReleased(sql`mailbox = ${mailbox} and address = ${address}`)})`

/** Regular places that all variants of a mailbox have left together. */
const placesOfMailbox = (mailbox: RawBuilder<unknown>) => sql<number>`(
  select greatest(0, ${sql.lit(REGULAR.aDayToMailbox)} - count(*)) from ${regularlyReleased(sql`mailbox = ${mailbox}`)})`

const hasExtraPlace = (mailbox: RawBuilder<unknown>) => sql<boolean>`not exists (
  select from confirmation_letter where mailbox = ${mailbox} and extra
    and allowed_at > auth_now() - make_interval(secs => ${sql.lit(EXTRA_EVERY)}))`

/** Letters to one mailbox are released one after the other. Locked in one order, so that nobody waits in a circle. */
export async function lockLettersTo(transaction: DatabaseTransaction, ...mailboxes: string[]): Promise<void> {
  await sql`select pg_advisory_xact_lock(key) from (
    select distinct hashtextextended('letters to ' || mailbox, 0) as key
    from unnest(${mailboxes}::text[]) as mailbox order by key offset 0
  ) as keys`.execute(transaction)
}

/**
 * Lets no statement of a transaction wait for a lock longer than a second: while it waits for a letter, new letters to the
 * mailbox would wait for it.
 */
export async function boundLockWaits(transaction: DatabaseTransaction): Promise<void> {
  await sql`set local lock_timeout = '1s'`.execute(transaction)
}

/**
 * Releases those letters that are the only ones to their mailbox that wait for their turn, where a regular place is
 * left: as `releaseLettersTo` would, for many mailboxes in one statement.
 */
export async function releaseSoleLetters(
  transaction: DatabaseTransaction,
  ids: readonly string[],
): Promise<{ id: string; allowedAt: Date }[]> {
  const { rows } = await sql<{ id: string; allowedAt: Date }>`
    update confirmation_letter letter set allowed_at = auth_now(), extra = false
    where id = any(${ids}::uuid[]) and allowed_at is null and not waits and not by_address
      and not exists (
        select from confirmation_letter other
        where other.mailbox = letter.mailbox and other.allowed_at is null and not other.by_address
          and other.id <> letter.id
      )
      and ${placesOfAddress(sql`letter.address`, sql`letter.mailbox`)} > 0
      and ${placesOfMailbox(sql`letter.mailbox`)} > 0
    returning id, allowed_at as "allowedAt"`.execute(transaction)
  return rows
}

/** Whether a letter to the address could be released now. Without looking at those that are held, however many. */
export async function hasPlaceFor(db: Queryable, { address, mailbox }: Letter): Promise<boolean> {
  const { rows } = await sql<{ hasPlace: boolean }>`
    select least(${placesOfAddress(sql`${address}`, sql`${mailbox}`)}, ${placesOfMailbox(sql`${mailbox}`)}) > 0
      or ${hasExtraPlace(sql`${mailbox}`)} as "hasPlace"`.execute(db)
  return rows[0]!.hasPlace
}

/**
 * Releases letters to a mailbox whose turn has come: those that are held, and the one in hand. Another one that is about
 * to be sent is not among them, though it has its turn like them: it is released by its own message, and would go out
 * twice.
 *
 * The regular places go to the network with the fewest letters of the last day first. The extra one goes to the newest
 * sign-up from a network that had none, so that no number of older ones can keep it waiting.
 * @param inHand the letter that is about to be sent
 * @returns those that may be sent from now on
 */
export async function releaseLettersTo(
  transaction: DatabaseTransaction,
  mailbox: string,
  inHand?: string,
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with letter as (
      select letter.id, address, sign_up, allowed_at, coalesce(signed_up_from, '') as network,
        account.created_at as signed_up_at
      from confirmation_letter letter join account on account.id = account_id
      where mailbox = ${mailbox} and not by_address
        and (allowed_at is null or allowed_at > auth_now() - interval '1 day')
    ), had as (
      select network, count(*) as letters from letter where allowed_at is not null group by network
    ), held as (
      select letter.*, coalesce(letters, 0) as had,
        row_number() over (partition by letter.network order by id) + coalesce(letters, 0) as turn
      from letter left join had on had.network = letter.network
      where allowed_at is null
    ), place as (
      select address, ${placesOfAddress(sql`addressed.address`, sql`${mailbox}`)} as places
      from (select distinct address from held) as addressed
    ), ranked as (
      select held.*, row_number() over (partition by address order by turn, id) as rank from held
    ), regular as (
      select id, network from ranked join place using (address)
      where rank <= places order by turn, id limit ${placesOfMailbox(sql`${mailbox}`)}
    ), newest as (
      select id from held
      where sign_up and had = 0 and ${hasExtraPlace(sql`${mailbox}`)}
        and not exists (select from regular where regular.network = held.network)
      order by signed_up_at desc, id desc limit 1
    )
    update confirmation_letter letter set allowed_at = auth_now(), extra = released.extra
    from (select id, false as extra from regular union all select id, true from newest) as released
    where letter.id = released.id and (waits or letter.id = ${inHand ?? null})
    returning letter.id`.execute(transaction)
  return rows.map(({ id }) => id)
}

const MAILBOXES_AT_ONCE = 100

/** Mailboxes to which letters are held that may be released now, in order. @param after the last one before these */
export async function mailboxesOfHeldLetters(db: Queryable, after: string): Promise<string[]> {
  const { rows } = await sql<{ mailbox: string }>`
    select distinct mailbox from (
      select mailbox, address from confirmation_letter
      where waits and allowed_at is null and mailbox > ${after} group by mailbox, address
    ) as held
    where least(${placesOfAddress(sql`held.address`, sql`held.mailbox`)}, ${placesOfMailbox(sql`held.mailbox`)}) > 0
      or ${hasExtraPlace(sql`held.mailbox`)}
    order by mailbox limit ${MAILBOXES_AT_ONCE}`.execute(db)
  return rows.map(({ mailbox }) => mailbox)
}
