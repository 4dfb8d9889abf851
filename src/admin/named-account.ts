import { type ListedAccount, listAccounts } from '../accounts/account-list-store.ts'
import { findConfirmedAccount } from '../accounts/account-store.ts'
import type { EmailAddress } from '../email/address.ts'
import type { Queryable } from '../storage/database.ts'
import { emailOf, idOf } from './arguments.ts'
import { AdminError } from './errors.ts'

const MOST_SIGN_UPS = 100 // of one email address that are told

/**
 * The accounts that an id or an email address names: an email address may have several sign-ups. The confirmed one is the
 * first, and the others are the newest ones, so that no number of sign-ups hides it.
 * @throws AdminError `invalid_argument`, `account_not_found`
 */
export async function namedAccounts(db: Queryable, name: string): Promise<ListedAccount[]> {
  const accounts = name.includes('@')
    ? await accountsOf(db, emailOf(name))
    : await listAccounts(db, { id: idOf(name) }, 1)
  if (accounts.length === 0)
    throw new AdminError('account_not_found', {
      needed: 'an account by its id or its email address',
      found: `none with ${JSON.stringify(name)}`,
      remedy: 'accounts list shows those that there are',
    })
  return accounts
}

async function accountsOf(db: Queryable, email: EmailAddress): Promise<ListedAccount[]> {
  const confirmed = await findConfirmedAccount(db, email)
  const newest = await listAccounts(db, { email }, MOST_SIGN_UPS)
  return confirmed ? [confirmed, ...newest.filter(({ id }) => id !== confirmed.id)] : newest
}

/**
 * The one account that an id or an email address names: of several with one email address, the confirmed one.
 * @throws AdminError `invalid_argument`, `account_not_found`, `account_ambiguous`
 */
export async function namedAccount(db: Queryable, name: string): Promise<ListedAccount> {
  const accounts = await namedAccounts(db, name)
  const account = accounts[0]!
  if (account.confirmedAt || accounts.length === 1) return account
  const ids = accounts.map(({ id }) => id)
  throw new AdminError(
    'account_ambiguous',
    {
      needed: 'one account',
      found: `${ids.length} unconfirmed sign-ups of ${account.email}: ${ids.join(', ')}`,
      remedy: 'name it by its id',
    },
    ids,
  )
}
