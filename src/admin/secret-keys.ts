import { secretKeyStatus } from '../secrets/status.ts'
import { operation } from './operation.ts'

/** What each secret key is still needed for, and what to do next. */
export const secretsStatus = operation({}, async ({ database, secretKeys, secretKeyUses }) => {
  const statuses = await secretKeyStatus(database, secretKeys, secretKeyUses)
  return {
    keys: statuses.map(({ id, role, firstSeenAt, lastMadeAt, retiredAt, neededBy, next }) => ({
      id,
      role,
      first_seen_at: firstSeenAt.toISOString(),
      last_made_at: lastMadeAt?.toISOString() ?? null,
      retired_at: retiredAt?.toISOString() ?? null,
      needed_by: neededBy,
      next,
    })),
  }
})
