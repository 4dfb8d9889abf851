import { isSessionLive } from '../sessions/session-store.ts'
import type { Database } from '../storage/database.ts'
import type { AccessTokens } from '../tokens/access-token.ts'
import { type Account, findAccount } from './account-store.ts'
import { AccountRefusal } from './errors.ts'

export type ReadOwnAccountNeeds = { database: Database; accessTokens: AccessTokens }

/**
 * The account that an access token is about. Unlike other servers, which verify the token alone, this asks whether
 * its session goes on, so that it is refused at once after a sign-out.
 * @throws Refusal `invalid_access_token`
 */
export async function readOwnAccount(
  { database, accessTokens }: ReadOwnAccountNeeds,
  accessToken: string | undefined,
): Promise<Account & { sessionId: string }> {
  const subject = accessToken && (await accessTokens.verify(accessToken))
  if (!subject || !(await isSessionLive(database, subject.sessionId))) throw new AccountRefusal('invalid_access_token')
  const account = await findAccount(database, subject.accountId)
  if (account?.status !== 'active') throw new AccountRefusal('invalid_access_token')
  return { ...account, sessionId: subject.sessionId }
}
