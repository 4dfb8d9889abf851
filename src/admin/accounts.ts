import { type ListedAccount, listAccounts } from '../accounts/account-list-store.ts'
import { deleteAccount, disableAccount, enableAccount } from '../accounts/account-status-store.ts'
import { signInBlockedFor, unblockSignIn } from '../accounts/sign-in-block.ts'
import { recordEvent } from '../audit/audit-store.ts'
import { countLiveSessions } from '../sessions/session-list-store.ts'
import { inTransaction } from '../storage/database.ts'
import { emailOf, idOf, limitOf, operatorOf, statusOf } from './arguments.ts'
import { AdminError } from './errors.ts'
import { namedAccount, namedAccounts } from './named-account.ts'
import { type AdminDeps, operation } from './operation.ts'

const toJson = ({ id, email, status, createdAt, confirmedAt, supersededAt }: ListedAccount) => ({
  id,
  email,
  status,
  created_at: createdAt.toISOString(),
  confirmed_at: confirmedAt?.toISOString() ?? null,
  superseded_at: supersededAt?.toISOString() ?? null,
})
export type AccountFacts = ReturnType<typeof toJson>

/** One page of accounts, the newest first. The next one begins after the last id of this one. */
export const accountsList = operation(
  { status: 'string?', email: 'string?', after: 'string?', limit: 'integer' },
  async ({ database }, { status, email, after, limit }) => {
    const filter = {
      status: status === undefined ? undefined : statusOf(status),
      email: email === undefined ? undefined : emailOf(email),
      after: after === undefined ? undefined : idOf(after),
    }
    const accounts = await listAccounts(database, filter, limitOf(limit) + 1)
    return { accounts: accounts.slice(0, limit).map(toJson), more: accounts.length > limit }
  },
)

/** The accounts that an id or an email address names, with what else is known of each. */
export const accountsShow = operation({ account: 'string' }, async ({ database, secretKeys }, { account }) => {
  const accounts = []
  for (const found of await namedAccounts(database, account))
    accounts.push({
      ...toJson(found),
      live_sessions: await countLiveSessions(database, found.id),
      sign_in_blocked_seconds: await signInBlockedFor(database, counterKeys({ secretKeys }), emailOf(found.email)),
    })
  return { accounts }
})

/** Disables an account and ends its sessions. */
export const accountsDisable = operation({ account: 'string', by: 'string' }, async ({ database }, { account, by }) => {
  const operator = operatorOf(by)
  const found = await namedAccount(database, account)
  const changed = await disableAccount(database, found.id, operator)
  if (!changed) await refuseUnconfirmed(database, found.id)
  return { ...toJson(await namedAccount(database, found.id)), changed }
})

/** Lets a disabled account sign in again. */
export const accountsEnable = operation({ account: 'string', by: 'string' }, async ({ database }, { account, by }) => {
  const operator = operatorOf(by)
  const found = await namedAccount(database, account)
  const changed = await enableAccount(database, found.id, operator)
  if (!changed) await refuseUnconfirmed(database, found.id)
  return { ...toJson(await namedAccount(database, found.id)), changed }
})

/** Deletes an account with its sessions; its audit events stay. */
export const accountsDelete = operation({ account: 'string', by: 'string' }, async ({ database }, { account, by }) => {
  const operator = operatorOf(by)
  const found = await namedAccount(database, account)
  return { ...toJson(found), deleted: await deleteAccount(database, found.id, operator) }
})

/** Forgets the failed attempts that keep an account from signing in. */
export const accountsUnblock = operation(
  { account: 'string', by: 'string' },
  async ({ database, secretKeys }, { account, by }) => {
    const operator = operatorOf(by)
    const { id, email } = await namedAccount(database, account)
    await inTransaction(database, async transaction => {
      await unblockSignIn(transaction, counterKeys({ secretKeys }), { id, email: emailOf(email) })
      await recordEvent(transaction, 'account.unblocked', { accountId: id, email, operator })
    })
    return { id, email }
  },
)

const counterKeys = ({ secretKeys }: Pick<AdminDeps, 'secretKeys'>) => secretKeys.for('attempt-counter')

async function refuseUnconfirmed(database: AdminDeps['database'], id: string): Promise<void> {
  if ((await namedAccount(database, id)).status !== 'unconfirmed') return
  throw new AdminError('account_unconfirmed', {
    needed: 'an account that was confirmed',
    found: 'one that was not, which cannot sign in',
    remedy: 'leave it: it is deleted 7 days after its sign-up; or accounts delete removes it now',
  })
}
