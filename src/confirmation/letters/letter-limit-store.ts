import { type RawBuilder, sql } from 'kysely'
import type { DatabaseTransaction, Queryable } from '../../storage/database.ts'
import type { Letter } from './letter-store.ts'

const LETTERS_AN_HOUR = 5 // to one address
const LETTERS_A_DAY = 10
const REPEATED_AFTER = 60 // seconds, for one account

/** Letters that may still go to an address now. */
const placesFor = (address: RawBuilder<unknown>) => sql<number>`(
  select greatest(0, least(
    ${sql.lit(LETTERS_AN_HOUR)} - count(*) filter (where allowed_at > auth_now() - interval '1 hour'),
    ${sql.lit(LETTERS_A_DAY)} - count(*)
  )) from confirmation_letter where address = ${address} and allowed_at > auth_now() - interval '1 day')`

/** Letters to one address are let go one after the other. */
export async function lockLettersTo(transaction: DatabaseTransaction, address: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('letters to ' || ${address}, 0))`.execute(transaction)
}

/**
 * Lets letters of sign-ups go whose turn has come: those that wait, and the one in hand. Another one that is about to
 * be sent is not among them, though it has its turn like them: it lets itself go, and would go out twice.
 * @param inHand the letter that is about to be sent
 * @returns those that may go from now on
 */
export async function allowWaitingLettersTo(
  transaction: DatabaseTransaction,
  address: string,
  inHand?: string,
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with letter as (
      select confirmation_letter.id, allowed_at, signed_up_from as network
      from confirmation_letter join account on account.id = account_id
      where address = ${address} and sign_up and (allowed_at is null or allowed_at > auth_now() - interval '1 day')
    ), waiting as (
      select id,
        row_number() over (partition by network order by id) + (
          select count(*) from letter other
          where other.network is not distinct from letter.network and other.allowed_at is not null
        ) as turn
      from letter where allowed_at is null
    ), next as (
      select id from waiting order by turn, id limit ${placesFor(sql`${address}`)}
    )
    update confirmation_letter set allowed_at = auth_now()
    from next where confirmation_letter.id = next.id and (waits or confirmation_letter.id = ${inHand ?? null})
    returning confirmation_letter.id`.execute(transaction)
  return rows.map(({ id }) => id)
}

/** Notes that the letter of a sign-up has to wait for its turn, and for another message. */
export async function letWait(transaction: DatabaseTransaction, id: string): Promise<void> {
  await sql`update confirmation_letter set waits = true where id = ${id}`.execute(transaction)
}

/** Repeats come after the letters of sign-ups that wait. @returns false when the limits forbid it */
export async function allowRepeatedLetter(
  transaction: DatabaseTransaction,
  { id, address, accountId }: Letter,
): Promise<boolean> {
  const { rows } = await sql`
    update confirmation_letter set allowed_at = auth_now()
    where id = ${id} and ${placesFor(sql`${address}`)} > 0 and not exists (
      select 1 from confirmation_letter other
      where other.address = ${address} and other.id <> ${id} and (
        (other.sign_up and other.allowed_at is null)
        or (not other.sign_up and other.account_id = ${accountId}
          and other.allowed_at > auth_now() - make_interval(secs => ${REPEATED_AFTER}))
      )
    ) returning 1`.execute(transaction)
  return rows.length > 0
}

const ADDRESSES_AT_ONCE = 100

/** Addresses to which a letter waits that may go now. */
export async function addressesOfWaitingLetters(db: Queryable): Promise<string[]> {
  const { rows } = await sql<{ address: string }>`
    select address from confirmation_letter waiting
    where waits and allowed_at is null
    group by address
    having ${placesFor(sql`waiting.address`)} > 0
    order by min(requested_at) limit ${ADDRESSES_AT_ONCE}`.execute(db)
  return rows.map(({ address }) => address)
}
