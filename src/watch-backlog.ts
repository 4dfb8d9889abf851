import { countHeldLetters } from './confirmation/letters/held-letter-store.ts'
import type { Metrics } from './metrics.ts'
import { SharedReading } from './operation/shared-reading.ts'
import type { Database } from './storage/database.ts'
import { readQueueBacklog } from './storage/queue-backlog.ts'

/** Lets metrics tell what waits in the database. */
export function watchBacklog(metrics: Metrics, database: Database): void {
  const reading = new SharedReading(async () => {
    const { parked, oldestWaiting, longestDue } = await readQueueBacklog(database)
    return {
      parkedMessages: parked,
      oldestWaitingMessage: oldestWaiting,
      longestDueMessage: longestDue,
      heldEmails: await countHeldLetters(database),
    }
  })
  metrics.watchBacklog(() => reading.value())
}
