import { sql } from 'kysely'
import type { EmailAddress } from '../email/address.ts'
import type { Queryable } from '../storage/database.ts'
import { type AccountStatus, IS_SUPERSEDED } from './account-store.ts'

export type ListedAccount = {
  id: string
  email: string
  status: AccountStatus
  createdAt: Date
  confirmedAt: Date | null
  /** When another account of the address was confirmed, so that this one never can be. */
  supersededAt: Date | null
}

export type AccountFilter = {
  id?: string | undefined
  email?: EmailAddress | undefined
  status?: AccountStatus | undefined
  /** The id of the last account of the page before. */
  after?: string | undefined
}

/** Accounts, the newest first: ids are in the order of time (RFC 9562 section 5.7). */
export async function listAccounts(db: Queryable, filter: AccountFilter, limit: number): Promise<ListedAccount[]> {
  const { id, email, status, after } = filter
  return db
    .selectFrom('account')
    .select([
      'id',
      'email',
      'status',
      'created_at as createdAt',
      'confirmed_at as confirmedAt',
      sql<Date | null>`coalesce(superseded_at, (
        select confirmed.confirmed_at from account confirmed where ${IS_SUPERSEDED}))`.as('supersededAt'),
    ])
    .$if(id !== undefined, query => query.where('id', '=', id!))
    .$if(email !== undefined, query => query.where('email', '=', email!))
    .$if(status !== undefined, query => query.where('status', '=', status!))
    .$if(after !== undefined, query => query.where('id', '<', after!))
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
}
