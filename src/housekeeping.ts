import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { deleteUnconfirmedAccounts } from './accounts/account-store.ts'
import { deleteOldDeviceLinks } from './accounts/device-link-store.ts'
import { deleteOldEvents, eventsOfOperators } from './audit/audit-store.ts'
import { type LetterLimitsNeeds, releaseHeldLetters } from './confirmation/letters/letter-limits.ts'
import { deleteOldLetters } from './confirmation/letters/letter-store.ts'
import { deleteForgottenAttempts } from './limits/attempt-store.ts'
import type { Logger } from './log.ts'
import { within } from './missed-deadlines.ts'
import type { KeyRing } from './secrets/key-ring.ts'
import type { Peppers } from './secrets/peppers.ts'
import { noteMakingKey } from './secrets/secret-key-check.ts'
import { IdleSessionSweep } from './sessions/idle-session-sweep.ts'
import { deleteOutlivedSessions } from './sessions/session-store.ts'
import type { Queryable } from './storage/database.ts'
import type { SigningKeys } from './tokens/signing-keys.ts'

const MINUTE = 60_000 // milliseconds

// How often keys are loaded: three times within the minute in which a dropped one must have gone. A load that hangs has
// no part in the next one.
const LOAD_KEYS_EVERY = MINUTE / 3
const LOAD_KEYS_WITHIN = MINUTE / 4

const LOG_OPERATORS_EVERY = MINUTE / 3
const COMMITTED_WITHIN = 120 // seconds that the transaction of an operation takes at the most
const LOGGED_AT_START = 86_400 // seconds; operators may have done something while no process ran, or just before one stopped

type Needs = LetterLimitsNeeds & {
  signingKeys: SigningKeys
  secretKeys: KeyRing
  peppers: Peppers
  /** Seconds that events are kept. */
  auditRetention: number
  /** Seconds that a session lives at the most. */
  sessionTtl: number
  logger: Logger
  onMissedDeadline(what: 'key_load'): void
}

export type Housekeeping = {
  /** Begins nothing more, and waits for the statements under way, for that many milliseconds at the most. */
  stop(timeout: number): Promise<void>
}

/**
 * Does what comes due with time: loads keys and logs what operators did each twenty seconds, sees to signing keys and waiting letters each minute and
 * to what is outlived each ten minutes. No task waits for another.
 */
export function startHousekeeping(needs: Needs): Housekeeping {
  const { database, secretKeys, signingKeys, peppers, logger, onMissedDeadline } = needs
  const late = {
    onMissed: () => onMissedDeadline('key_load'),
    otherwise: `keys were not loaded in ${LOAD_KEYS_WITHIN} ms`,
  }
  const idleSessions = new IdleSessionSweep(needs.sessionTtl)
  const operatorLog = new OperatorLog()
  const stopping = new AbortController()
  const { signal } = stopping
  const repeat = (interval: number, task: () => Promise<void>) => repeatUntil(signal, interval, task, logger)
  const tasks = [
    repeat(LOAD_KEYS_EVERY, () => within(LOAD_KEYS_WITHIN, signingKeys.load(), late)),
    repeat(LOAD_KEYS_EVERY, () => within(LOAD_KEYS_WITHIN, peppers.load(), late)),
    repeat(LOG_OPERATORS_EVERY, () => operatorLog.run(database, logger)),
    repeat(MINUTE, () => noteMakingKey(database, secretKeys)),
    repeat(MINUTE, () => signingKeys.maintain()),
    repeat(MINUTE, () => releaseHeldLetters(needs, signal)),
    repeat(10 * MINUTE, () => deleteOutlived(needs, signal)),
    repeat(10 * MINUTE, () => idleSessions.run(database, signal)),
  ]
  return {
    async stop(timeout) {
      stopping.abort()
      const runs = Promise.all(tasks.map(running => running()))
      await Promise.race([runs, pause(timeout, undefined, { ref: false })])
    },
  }
}

/**
 * Deletes unconfirmed accounts, ended sessions, letters, device links, events and counted attempts whose time is over. A
 * kind of which somebody locks one keeps none of the others.
 */
export async function deleteOutlived(
  { database, auditRetention }: Pick<Needs, 'database' | 'auditRetention'>,
  stopping?: AbortSignal,
): Promise<void> {
  const errors: unknown[] = []
  for (const deleteSome of [
    deleteUnconfirmedAccounts,
    deleteOutlivedSessions,
    deleteOldLetters,
    deleteOldDeviceLinks,
    deleteForgottenAttempts,
    (db: Queryable) => deleteOldEvents(db, auditRetention),
  ])
    try {
      while (!stopping?.aborted && (await deleteSome(database)) > 0) await nextTurn() // requests go first
    } catch (error) {
      errors.push(error)
    }
  if (errors.length > 0) throw new AggregateError(errors, `${errors.length} kinds of outlived rows were not deleted`)
}

/**
 * Writes a line for each thing that operators did: a record outside of the database, which tells what a failover or a
 * restored backup has lost. An event has the time at which its transaction began, and may be seen only later; so each run
 * looks further back than to the one before, and writes what that one has not seen; the first one of a process writes what
 * was done within a day.
 */
export class OperatorLog {
  readonly #elapsed: () => number
  #ranAt: number
  #seen: ReadonlySet<string> = new Set()

  /** @param elapsed milliseconds on a clock that nobody sets */
  constructor(elapsed = () => performance.now()) {
    this.#elapsed = elapsed
    this.#ranAt = elapsed() - LOGGED_AT_START * 1_000
  }

  async run(database: Queryable, logger: Pick<Logger, 'info'>): Promise<void> {
    const began = this.#elapsed()
    const events = await eventsOfOperators(database, (began - this.#ranAt) / 1_000 + COMMITTED_WITHIN)
    for (const { id, at, type, operator, ...about } of events)
      if (!this.#seen.has(id)) {
        const known = Object.entries(about).filter(([, value]) => value !== null)
        logger.info({ event: { at, type, operator, ...Object.fromEntries(known) } }, 'an operator did this')
      }
    this.#seen = new Set(events.map(({ id }) => id))
    this.#ranAt = began
  }
}

/**
 * Does a task again and again, one run at a time: where one takes longer than the interval, the next ones are left out.
 * @returns what tells of the run that is under way
 */
export function repeatUntil(
  stopping: AbortSignal,
  interval: number,
  task: () => Promise<void>,
  logger: Logger,
): () => Promise<void> {
  let running: Promise<void> | undefined
  const run = async () => task()
  const timer = setInterval(() => {
    running ??= run()
      .catch(error => logger.warn({ err: error }, 'housekeeping failed and will be repeated'))
      .finally(() => {
        running = undefined
      })
  }, interval)
  timer.unref()
  stopping.addEventListener('abort', () => clearInterval(timer))
  return async () => running
}
