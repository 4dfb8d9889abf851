import { setImmediate as nextTurn } from 'node:timers/promises'
import { deleteUnconfirmedAccounts } from './accounts/account-store.ts'
import { deleteOldDeviceLinks } from './accounts/device-link-store.ts'
import { deleteOldEvents } from './audit/audit-store.ts'
import { type LetterLimitsNeeds, releaseHeldLetters } from './confirmation/letters/letter-limits.ts'
import { deleteOldLetters } from './confirmation/letters/letter-store.ts'
import { deleteForgottenAttempts } from './limits/attempt-store.ts'
import type { Logger } from './log.ts'
import { IdleSessionSweep } from './sessions/idle-session-sweep.ts'
import { deleteOutlivedSessions } from './sessions/session-store.ts'
import type { Queryable } from './storage/database.ts'
import type { SigningKeys } from './tokens/signing-keys.ts'

const MINUTE = 60_000 // milliseconds

type Housekeeping = LetterLimitsNeeds & {
  signingKeys: SigningKeys
  /** Seconds that events are kept. */
  auditRetention: number
  /** Seconds that a session lives at the most. */
  sessionTtl: number
  logger: Logger
}

/** Does what comes due with time: signing keys and waiting letters each minute, what is outlived each ten minutes. */
export function startHousekeeping(needs: Housekeeping): AsyncDisposable {
  const idleSessions = new IdleSessionSweep(needs.sessionTtl)
  const tasks = [
    repeat(MINUTE, () => needs.signingKeys.maintain(), needs.logger),
    repeat(MINUTE, () => releaseHeldLetters(needs), needs.logger),
    repeat(10 * MINUTE, () => deleteOutlived(needs), needs.logger),
    repeat(10 * MINUTE, () => idleSessions.run(needs.database), needs.logger),
  ]
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(tasks.map(stop => stop()))
    },
  }
}

/** Deletes unconfirmed accounts, ended sessions, letters, device links, events and counted attempts whose time is over. */
export async function deleteOutlived({
  database,
  auditRetention,
}: Pick<Housekeeping, 'database' | 'auditRetention'>): Promise<void> {
  for (const deleteSome of [
    deleteUnconfirmedAccounts,
    deleteOutlivedSessions,
    deleteOldLetters,
    deleteOldDeviceLinks,
    deleteForgottenAttempts,
    (db: Queryable) => deleteOldEvents(db, auditRetention),
  ])
    while ((await deleteSome(database)) > 0) await nextTurn() // requests go first
}

/** @returns what stops it and waits for a run that is under way */
function repeat(interval: number, task: () => Promise<void>, logger: Logger): () => Promise<void> {
  let running = Promise.resolve()
  const timer = setInterval(() => {
    running = running.then(task).catch(error => logger.warn({ err: error }, 'housekeeping failed and will be repeated'))
  }, interval)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await running
  }
}
