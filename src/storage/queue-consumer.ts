import { fromKysely, type Job, type PgBoss } from 'pg-boss'
import type { Logger } from '../log.ts'
import { type Database, type DatabaseTransaction, inTransaction } from './database.ts'
import { StatementBatches } from './statement-batches.ts'
import { isContention, isUnavailable } from './unavailable.ts'

/** What became of a message: it is done, and maybe completed already; it comes again; or it is parked for the operator. */
export type Fate = { status: 'done' } | { status: 'completed' } | { status: 'again' | 'parked'; reason: string }

/** A message that was taken, and what was prepared for it. */
export type Taken = { job: Job<unknown>; prepared?: unknown }

export type QueueConsumerOptions = {
  boss: PgBoss
  /** The queue's. */
  name: string
  /** @param setAside gives up the place of the message in hand, while it only waits; see `InHand` */
  deliver: (taken: Taken, setAside: () => void) => Promise<Fate>
  /** Prepares what is taken, in the transaction of `database` that takes it; see `Preparation`. */
  preparation?: {
    database: Database
    prepare: (transaction: DatabaseTransaction, jobs: readonly Job<unknown>[]) => Promise<Taken[]>
  }
  /** How many may be delivered at once, now. */
  concurrency: () => number
  logger: Logger
}

const POLL = 1_000 // milliseconds; what comes again is not notified
const PREPARED = 10 // messages at the most that are in hand beyond those that may be delivered at once
const HEARTBEAT = 4_000 // milliseconds
const MOST_TIMES_PUT_BEHIND = 9 // after so many failures the pauses grow no more

/**
 * Takes messages from one queue and delivers them, each on its own: none waits for those that came with it. (pg-boss's
 * own worker fetches the next batch when all of the last are done, or one message a second.)
 *
 * A message in hand is leased: a heartbeat keeps it from other processes. Where the lease is lost, it comes again.
 */
export class QueueConsumer {
  readonly #options: QueueConsumerOptions
  readonly #completions: StatementBatches<Job<unknown>>
  readonly #inHand = new Map<Job<unknown>, Promise<void>>()
  readonly #aside = new Set<Job<unknown>>() // of those in hand, which take no place
  readonly #heartbeat: NodeJS.Timeout
  readonly #running: Promise<void>
  #bell = Promise.withResolvers<void>()
  #mayBeMore = true
  #isStopping = false

  constructor(options: QueueConsumerOptions) {
    const { boss, name } = options
    this.#options = options
    this.#completions = new StatementBatches(jobs => boss.complete(name, [...jobs]))
    this.#heartbeat = setInterval(() => void this.#renewLeases(), HEARTBEAT)
    this.#running = this.#run()
  }

  /** Says that there may be messages. */
  wake(): void {
    this.#bell.resolve()
  }

  /** Takes no more, and waits for those in hand. @param timeout milliseconds, after which the rest is given back */
  async stop(timeout: number): Promise<void> {
    this.#isStopping = true
    this.wake()
    const { promise: tooLong, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, timeout)
    await Promise.race([this.#running.then(() => Promise.all(this.#inHand.values())), tooLong])
    clearTimeout(timer)
    clearInterval(this.#heartbeat)
    if (this.#inHand.size > 0) await this.#giveBack([...this.#inHand.keys()])
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      this.#bell = Promise.withResolvers()
      await this.#take()
      const timer = setTimeout(this.#bell.resolve, POLL)
      await this.#bell.promise
      clearTimeout(timer)
    }
  }

  get #placesTaken(): number {
    return this.#inHand.size - this.#aside.size
  }

  async #take(): Promise<void> {
    const { name, concurrency, logger } = this.#options
    const atOnce = concurrency()
    this.#mayBeMore = true
    const placesTaken = this.#placesTaken
    if (placesTaken > atOnce) return
    const batchSize = atOnce + Math.min(PREPARED, atOnce) - placesTaken
    try {
      const taken = (await this.#fetchPrepared(batchSize)) ?? (await this.#fetch(batchSize))
      this.#mayBeMore = taken.length === batchSize
      for (const one of taken) this.#inHand.set(one.job, this.#handle(one))
    } catch (error) {
      logger.warn({ queue: name, err: error }, 'the queue could not be read')
    }
  }

  async #fetch(batchSize: number): Promise<Taken[]> {
    const { boss, name } = this.#options
    return (await boss.fetch<unknown>(name, { batchSize })).map(job => ({ job }))
  }

  /** @returns undefined when they are to be taken without preparation */
  async #fetchPrepared(batchSize: number): Promise<Taken[] | undefined> {
    const { boss, name, preparation, logger } = this.#options
    if (!preparation) return undefined
    const { database, prepare } = preparation
    try {
      return await inTransaction(database, async transaction => {
        const jobs = await boss.fetch<unknown>(name, { batchSize, db: fromKysely(transaction) })
        return jobs.length === 0 ? [] : prepare(transaction, jobs)
      })
    } catch (error) {
      if (isUnavailable(error) && !isContention(error)) throw error
      logger.warn({ queue: name, err: error }, 'messages could not be prepared together; each is taken alone')
      return undefined
    }
  }

  async #handle(taken: Taken): Promise<void> {
    const { name, deliver, logger } = this.#options
    const { job } = taken
    const setAside = () => {
      this.#aside.add(job)
      this.#takeMore()
    }
    try {
      await this.#settle(job, await deliver(taken, setAside))
    } catch (error) {
      logger.warn({ queue: name, job: job.id, err: error }, 'a message could not be settled and will come again')
    }
    this.#inHand.delete(job)
    this.#aside.delete(job)
    this.#takeMore()
  }

  #takeMore(): void {
    if (this.#mayBeMore && this.#placesTaken <= this.#options.concurrency()) this.wake()
  }

  async #settle(job: Job<unknown>, fate: Fate): Promise<void> {
    const { boss, name } = this.#options
    if (fate.status === 'completed') return
    if (fate.status === 'done') return this.#completions.add(job)
    if (fate.status === 'parked') await forbidRetries(boss, job)
    else await putBehind(boss, job)
    await boss.fail(name, [job], { reason: fate.reason })
  }

  async #renewLeases(): Promise<void> {
    const { boss, name, logger } = this.#options
    if (this.#inHand.size === 0) return
    try {
      await boss.touch(name, [...this.#inHand.keys()])
    } catch (error) {
      logger.warn({ queue: name, err: error }, 'the leases on messages could not be renewed')
    }
  }

  async #giveBack(jobs: Job<unknown>[]): Promise<void> {
    const { boss, name, logger } = this.#options
    try {
      await boss.fail(name, jobs, { reason: 'its process ended' })
    } catch (error) {
      logger.warn({ queue: name, err: error }, 'messages in hand will come again when their leases have ended')
    }
  }
}

// What fails then goes to the queue's dead letter queue. pg-boss itself offers that to its own workers alone.
async function forbidRetries(boss: PgBoss, { id, name }: Job<unknown>): Promise<void> {
  await boss.getDb().executeSql('update pgboss.job set retry_limit = 0 where name = $1 and id = $2', [name, id])
}

/**
 * Puts a message that failed behind those that failed less often: pg-boss takes the highest priority first, then the
 * oldest. Otherwise messages that hold their places for long before they fail would keep new ones from being taken.
 */
async function putBehind(boss: PgBoss, { id, name }: Job<unknown>): Promise<void> {
  await boss
    .getDb()
    .executeSql('update pgboss.job set priority = greatest(priority - 1, $3) where name = $1 and id = $2', [
      name,
      id,
      -MOST_TIMES_PUT_BEHIND,
    ])
}
