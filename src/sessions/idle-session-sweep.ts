import { setImmediate as nextTurn } from 'node:timers/promises'
import { v7 as uuidv7 } from 'uuid'
import type { Database } from '../storage/database.ts'
import { deleteIdleSessions } from './session-store.ts'

const PAGES_A_RUN = 100 // of 1,000 rows each: ten million sessions take 17 hours, at a run each ten minutes
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000'

/**
 * Deletes sessions that expired for want of use long ago. When that was is in no index, since each refresh puts it off and
 * PostgreSQL could then no longer update in place. So each run walks some pages of the table along its primary key, from
 * where the run before ended, and round.
 */
export class IdleSessionSweep {
  #after: string

  /**
   * It begins anywhere, so that processes that are often started anew, or many at once, get round as well.
   * @param longestLife seconds that a session lives at the most
   */
  constructor(longestLife: number) {
    this.#after = uuidv7({ msecs: Math.floor(Date.now() - Math.random() * longestLife * 1_000) })
  }

  async run(database: Database, stopping?: AbortSignal): Promise<void> {
    let rounds = 0
    for (let page = 0; page < PAGES_A_RUN && rounds < 2 && !stopping?.aborted; page++) {
      const last = await deleteIdleSessions(database, this.#after)
      if (last === undefined) rounds++
      this.#after = last ?? BEFORE_ALL
      await nextTurn() // requests go first
    }
  }
}
