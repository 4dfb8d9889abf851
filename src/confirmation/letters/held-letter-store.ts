import { sql } from 'kysely'
import type { Queryable } from '../../storage/database.ts'
import { type Letter, type LinkLifetime, linkEndFrom } from './letter-store.ts'

/** What the mail server made of a letter: it took it, refused its address, or did not take it yet. */
export type Outcome = 'sent' | 'undeliverable' | 'deferred'

/**
 * What the mail server made of the letter to an address that it was met with last, or else to a variant of it: a server may
 * take the one and refuse the other. Undefined while one is under way, since what came of those before says nothing of a
 * server that has begun to refuse the address, or ceased to.
 */
export async function lastOutcomeTo(
  db: Queryable,
  { address, mailbox }: Pick<Letter, 'address' | 'mailbox'>,
): Promise<Outcome | undefined> {
  const { rows } = await sql<{ outcome: Outcome | null }>`
    select case when sent_at is not null then 'sent' when failed_at is not null then 'undeliverable'
      when deferred_at is not null then 'deferred' end as outcome
    from confirmation_letter
    where mailbox = ${mailbox} and not by_address and allowed_at > auth_now() - interval '2 days'
    order by address = ${address} desc, greatest(sent_at, failed_at, deferred_at) desc nulls first limit 1`.execute(db)
  return rows[0]?.outcome ?? undefined
}

/** Fixes what the ticket of a held letter shows. From now on another message has to send it. */
export async function recordShown(
  db: Queryable,
  id: string,
  outcome: 'sent' | 'undeliverable',
  lifetime: LinkLifetime,
): Promise<void> {
  const at = (shown: 'sent' | 'undeliverable') => (outcome === shown ? sql`auth_now()` : sql`null`)
  await sql`
    update confirmation_letter letter set waits = true,
      shown_sent_at = ${at('sent')},
      shown_expires_at = ${outcome === 'sent' ? linkEndFrom(lifetime) : sql`null`},
      shown_failed_at = ${at('undeliverable')}
    from account
    where letter.id = ${id} and account.id = letter.account_id
      and letter.allowed_at is null and not letter.waits`.execute(db)
}

/** How many letters the limits of their email addresses hold. */
export async function countHeldLetters(db: Queryable): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from confirmation_letter where waits and allowed_at is null`.execute(db)
  return rows[0]!.count
}
