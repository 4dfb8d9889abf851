import { type ColumnType, type Generated, sql } from 'kysely'
import { eventForEach } from '../audit/audit-store.ts'
import type { EmailAddress } from '../email/address.ts'
import type { PasswordRecord } from '../passwords/password-hasher.ts'
import { DELETED_AT_ONCE, type Queryable } from '../storage/database.ts'

declare module '../storage/database.ts' {
  interface Tables {
    account: {
      id: string
      email: string
      status: Generated<AccountStatus>
      password_phc: string
      password_pepper: string
      password_version: number
      locale: string
      signed_up_from: Buffer | null
      revision: Generated<number>
      created_at: ColumnType<Date, never, never>
      confirmed_at: Date | null
      superseded_at: Date | null
    }
  }
}

export type AccountStatus = 'unconfirmed' | 'active' | 'disabled'

export type Account = {
  id: string
  email: EmailAddress
  status: AccountStatus
  /** Rises with whatever must end the account's sessions. */
  revision: number
  locale: string
  createdAt: Date
  confirmedAt: Date | null
  /**
   * When another account of the address was confirmed, so that this one never can be. Stored only before that other
   * account is deleted: until then its existence refuses this one. See {@link AddressedAccount} and `deleteAccount`.
   */
  supersededAt: Date | null
  password: PasswordRecord
}

const accounts = (db: Queryable) =>
  db
    .selectFrom('account')
    .select([
      'id',
      sql<EmailAddress>`email`.as('email'),
      'status',
      'revision',
      'locale',
      'created_at as createdAt',
      'confirmed_at as confirmedAt',
      'superseded_at as supersededAt',
      'password_phc',
      'password_pepper',
      'password_version',
    ])

type Row = Awaited<ReturnType<ReturnType<typeof accounts>['executeTakeFirstOrThrow']>>

const accountOf = <Found extends Row>({ password_phc, password_pepper, password_version, ...rest }: Found) => ({
  ...rest,
  password: { phc: password_phc, pepper: password_pepper, version: password_version },
})

export type NewAccount = Pick<Account, 'id' | 'email' | 'locale' | 'password'> & {
  /** Keyed hash of the network that asked. */
  signedUpFrom: Buffer
}

/** @returns when it was created */
export async function insertAccount(
  db: Queryable,
  { id, email, locale, password, signedUpFrom }: NewAccount,
): Promise<Date> {
  const { created_at } = await db
    .insertInto('account')
    .values({
      id,
      email,
      locale,
      signed_up_from: signedUpFrom,
      password_phc: password.phc,
      password_pepper: password.pepper,
      password_version: password.version,
      confirmed_at: null,
      superseded_at: null,
    })
    .returning('created_at')
    .executeTakeFirstOrThrow()
  return created_at
}

export async function findAccount(db: Queryable, id: string): Promise<Account | undefined> {
  const row = await accounts(db).where('id', '=', id).executeTakeFirst()
  return row && accountOf(row)
}

/** An account, and whether its address is known: an account of it, this one or another, has been confirmed. */
export type AddressedAccount = Account & { isAddressKnown: boolean }

const addressedAccounts = (db: Queryable) =>
  accounts(db).select(
    sql<boolean>`exists (select from account other where other.email = account.email and other.confirmed_at is not null)`.as(
      'isAddressKnown',
    ),
  )

export async function findAddressedAccounts(db: Queryable, ids: readonly string[]): Promise<AddressedAccount[]> {
  const rows = await addressedAccounts(db).where('id', '=', sql<string>`any(${ids}::uuid[])`).execute()
  return rows.map(accountOf)
}

/**
 * An account that is about to be confirmed. Until the transaction ends, no other account of its address is confirmed.
 * How many there are makes no difference: only its own row is read and locked.
 */
export async function lockForConfirmation(
  db: Queryable,
  { id, email }: Pick<Account, 'id' | 'email'>,
): Promise<AddressedAccount | undefined> {
  await sql`select pg_advisory_xact_lock(hashtextextended('confirmations of ' || ${email}, 0))`.execute(db)
  // A statement of its own: it sees what another transaction confirmed while this one waited.
  const row = await addressedAccounts(db).where('id', '=', id).forNoKeyUpdate().executeTakeFirst()
  return row && accountOf(row)
}

/** Whether the account was created no longer ago than that, on the clock of the database. */
export async function wasCreatedWithin(db: Queryable, id: string, seconds: number): Promise<boolean> {
  const { rows } = await sql<{ isRecent: boolean }>`
    select created_at > auth_now() - make_interval(secs => ${seconds}) as "isRecent"
    from account where id = ${id}`.execute(db)
  return rows[0]?.isRecent ?? false
}

/** The one confirmed account of an address. */
export async function findConfirmedAccount(db: Queryable, email: EmailAddress): Promise<Account | undefined> {
  const row = await accounts(db).where('email', '=', email).where('confirmed_at', 'is not', null).executeTakeFirst()
  return row && accountOf(row)
}

/** The account that was created last for an address, confirmed or not. */
export async function findNewestAccount(db: Queryable, email: EmailAddress): Promise<Account | undefined> {
  const row = await accounts(db)
    .where('email', '=', email)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && accountOf(row)
}

/** In SQL: whether `confirmed`, an account of the same address, was confirmed after `account` was created. */
export const IS_SUPERSEDED = sql<boolean>`confirmed.email = account.email and confirmed.confirmed_at is not null
  and account.confirmed_at is null and account.created_at <= confirmed.confirmed_at`

/** Makes an account active. @returns when it was confirmed */
export async function activateAccount(db: Queryable, id: string): Promise<Date> {
  const { rows } = await sql<{ confirmedAt: Date }>`
    update account set status = 'active', confirmed_at = auth_now()
    where id = ${id} and status = 'unconfirmed' and superseded_at is null
    returning confirmed_at as "confirmedAt"`.execute(db)
  if (!rows[0]) throw new Error('Only an unconfirmed account that none has superseded can be activated')
  return rows[0].confirmedAt
}

/** Keeps sign-ins under way from starting a session: their password was verified at an earlier revision. */
export async function raiseRevision(db: Queryable, id: string): Promise<void> {
  await sql`update account set revision = revision + 1 where id = ${id}`.execute(db)
}

/** Stores a hash with newer parameters, unless the password was changed meanwhile. */
export async function renewPassword(db: Queryable, account: Account, password: PasswordRecord): Promise<void> {
  await db
    .updateTable('account')
    .set({ password_phc: password.phc, password_pepper: password.pepper, password_version: password.version })
    .where('id', '=', account.id)
    .where('revision', '=', account.revision)
    .where('password_phc', '=', account.password.phc)
    .execute()
}

/** How long an account waits for its confirmation before it is deleted. */
export const UNCONFIRMED_FOR = 7 * 86_400 // seconds
/** Deletes accounts that nobody confirmed in time. @returns how many, at most 1,000 */
export async function deleteUnconfirmedAccounts(db: Queryable): Promise<number> {
  const { rows } = await sql`
    with deleted as (
      delete from account where id in (
        select id from account
        where confirmed_at is null and created_at < auth_now() - make_interval(secs => ${UNCONFIRMED_FOR})
        limit ${DELETED_AT_ONCE}
      ) and confirmed_at is null returning id, email
    ), recorded as (
      ${eventForEach('account.expired', sql`deleted`, { accountId: sql`id`, email: sql`email` })}
    )
    select 1 from deleted`.execute(db)
  return rows.length
}

/** How many passwords were hashed with the pepper of that id. */
export async function countPasswordsWithPepper(db: Queryable, pepperId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from account where password_pepper = ${pepperId}`.execute(db)
  return rows[0]!.count
}

/** How many passwords were hashed with a pepper that is derived from the secret key of that id, and not stored. */
export async function countPasswordsWithDerivedPepper(db: Queryable, keyId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from account
    where password_pepper = ${keyId} and not exists (select from pepper where pepper.id = ${keyId})`.execute(db)
  return rows[0]!.count
}
