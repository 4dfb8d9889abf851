import { findAccount, raiseRevision } from '../accounts/account-store.ts'
import { recordEvent } from '../audit/audit-store.ts'
import { endOneSession, endSomeSessions } from '../sessions/session-ending-store.ts'
import { type ListedSession, listSessions } from '../sessions/session-list-store.ts'
import { endSessionsOf } from '../sessions/session-store.ts'
import { inTransaction } from '../storage/database.ts'
import { idOf, limitOf, operatorOf } from './arguments.ts'
import { AdminError } from './errors.ts'
import { namedAccount } from './named-account.ts'
import { operation } from './operation.ts'

const toJson = ({ id, accountId, amr, createdAt, refreshedAt, expiresAt, endedAt, endReason }: ListedSession) => ({
  id,
  account_id: accountId,
  amr: amr.split(' '),
  created_at: createdAt.toISOString(),
  refreshed_at: refreshedAt.toISOString(),
  expires_at: expiresAt.toISOString(),
  ended_at: endedAt?.toISOString() ?? null,
  end_reason: endReason,
})
export type SessionFacts = ReturnType<typeof toJson>

/** One page of sessions, the newest first. The next one begins after the last id of this one. */
export const sessionsList = operation(
  { account: 'string?', ended: 'boolean', after: 'string?', limit: 'integer' },
  async ({ database }, { account, ended, after, limit }) => {
    const filter = {
      accountId: account === undefined ? undefined : (await namedAccount(database, account)).id,
      includesEnded: ended,
      after: after === undefined ? undefined : idOf(after),
    }
    const sessions = await listSessions(database, filter, limitOf(limit) + 1)
    return { sessions: sessions.slice(0, limit).map(toJson), more: sessions.length > limit }
  },
)

/** Ends one session. */
export const sessionsEnd = operation({ session: 'string', by: 'string' }, async ({ database }, { session, by }) => {
  const [operator, id] = [operatorOf(by), idOf(session)]
  return inTransaction(database, async transaction => {
    const found = await endOneSession(transaction, id)
    if (!found)
      throw new AdminError('session_not_found', {
        needed: 'a session by its id',
        found: `none with ${id}`,
        remedy: 'sessions list shows those that there are',
      })
    const email = (await findAccount(transaction, found.accountId))?.email
    const facts = { accountId: found.accountId, email, sessionId: id, reason: 'session', operator }
    if (found.hasEnded) await recordEvent(transaction, 'sessions.ended', facts)
    return { ended: found.hasEnded ? 1 : 0 }
  })
})

/** Ends all sessions of an account; it can sign in again at once. */
export const sessionsEndOfAccount = operation(
  { account: 'string', by: 'string' },
  async ({ database }, { account, by }) => {
    const operator = operatorOf(by)
    const { id, email } = await namedAccount(database, account)
    return inTransaction(database, async transaction => {
      await raiseRevision(transaction, id)
      const ended = await endSessionsOf(transaction, id)
      const facts = { accountId: id, email, reason: 'account', operator, count: ended }
      if (ended > 0) await recordEvent(transaction, 'sessions.ended', facts)
      return { ended }
    })
  },
)

/**
 * Ends sessions of all accounts, some at a time, so that none of these transactions holds up refreshes for long.
 * @returns where to continue; null when there are no more
 */
export const sessionsEndOfEveryone = operation(
  { after: 'string?', by: 'string' },
  async ({ database }, { after, by }) => {
    const operator = operatorOf(by)
    return inTransaction(database, async transaction => {
      const { ended, last } = await endSomeSessions(transaction, after === undefined ? undefined : idOf(after))
      if (ended > 0) await recordEvent(transaction, 'sessions.ended', { reason: 'everyone', operator, count: ended })
      return { ended, after: last ?? null }
    })
  },
)
