import { setTimeout as pause } from 'node:timers/promises'
import { fromKysely, type Job, type JobWithMetadata, PgBoss } from 'pg-boss'
import type { Logger } from '../log.ts'
import type { OnMissedDeadline } from './bounded-client.ts'
import { type Database, type DatabaseTransaction, errorCode, inTransaction } from './database.ts'
import { isOfKind, isOfLaterVersion, type MessageKind } from './message-kind.ts'
import { INSUFFICIENT_PRIVILEGE, missingRights } from './migrate.ts'
import { backendOptions, overhear, type QueueBackend } from './queue-backend.ts'
import { type Fate, QueueConsumer, type Taken } from './queue-consumer.ts'

/** A message that was taken, by which `Queue.complete` knows it. */
export type MessageInHand = Readonly<Pick<Job, 'id' | 'name' | 'retryCount'>>

export type InHand<Prepared> = {
  message: MessageInHand
  /** What {@link Preparation.prepare} made of it, if it did. */
  prepared: Prepared | undefined
  /**
   * Gives up the place that the message has among those in hand: from now on it mostly waits. The next one is taken, and
   * this one stays leased.
   */
  setAside(): void
}

export type Preparation<Id extends string, Prepared> = {
  /** In whose transactions messages are taken. */
  database: Database
  /**
   * Writes and reads for all messages that are taken together what each needs, in the transaction that takes them. When
   * it throws they are taken without it, so that one message never holds up the others.
   * @returns what it made of each, in their order
   */
  prepare(
    transaction: DatabaseTransaction,
    messages: readonly Record<Id, string>[],
  ): Promise<readonly (Prepared | undefined)[]>
}

/** Messages between the modules, kept in the database, delivered at least once. Nothing else works before it is open. */
export type Queue = {
  /** Makes sure that each kind of message has its place, in every process that sends or consumes. */
  open(): Promise<void>
  /** Sends a message with the transaction: it is there when that commits, and only then. */
  send<Id extends string>(
    transaction: DatabaseTransaction,
    kind: MessageKind<Id>,
    ids: Record<NoInfer<Id>, string>,
  ): Promise<void>
  /**
   * Delivers messages of a kind to `work`, several at once. One that throws comes back later, with growing pauses of
   * up to 5 minutes and after those that failed less often, and so does one of a later version, for which a newer process
   * may be there soon; one of another shape is parked at once, since trying it again cannot help.
   *
   * @param concurrency how many may be worked on at once, now; a few more are in hand. Each for 5 minutes at the most.
   * @param preparation what the messages that are taken together have in common
   */
  consume<Id extends string, Prepared = never>(
    kind: MessageKind<Id>,
    work: (ids: Record<NoInfer<Id>, string>, inHand: InHand<Prepared>) => Promise<void>,
    concurrency: () => number,
    preparation?: Preparation<NoInfer<Id>, Prepared>,
  ): Promise<void>
  /**
   * Completes messages in one transaction with what `record` writes of them. Otherwise they are completed after `work`,
   * in another one.
   */
  complete(
    database: Database,
    messages: readonly MessageInHand[],
    record: (transaction: DatabaseTransaction) => Promise<void>,
  ): Promise<void>
  /** Seconds that the message of these kinds which waits longest has been due; 0 when none waits. */
  longestWait(kinds: readonly MessageKind[]): Promise<number>
  /** Throws when the queue cannot be reached or accepts no writes. */
  check(): Promise<void>
  /** Finishes the messages in hand, for that many milliseconds at the most, and takes no more. It sends on. */
  finish(timeout: number): Promise<void>
  /** Does the same, once however often told, and closes its connections: then nothing can be sent any more. */
  stop(timeout: number): Promise<void>
}

const PARKED = 'parked' // messages of an unknown shape, for the operator to look at

const RETRIES = {
  retryLimit: 10_000, // whoever consumes gives up by time; this only bounds what goes wrong before
  retryDelay: 1, // seconds, doubled at each retry, with jitter
  retryBackoff: true,
  retryDelayMax: 300, // seconds
}

const LEASE = {
  expireInSeconds: 300, // from when it was taken
  heartbeatSeconds: 10, // a worker that died is noticed after so long
}

// How much longer a stop takes where the database does not answer.
const GIVEN_BACK_WITHIN = 1_000 // milliseconds, for messages that were not finished
const CLOSED_WITHIN = 500 // milliseconds; pg-boss would wait for its maintenance, whatever that waits for

const RETENTION = {
  retentionSeconds: 14 * 86_400,
  deleteAfterSeconds: 3_600, // a settled message is of no more use
}

/** The queue of these kinds of messages. */
export function createQueue(options: {
  backend: QueueBackend
  kinds: readonly MessageKind[]
  logger: Logger
  /** Opened to make or upgrade its tables, without limit of time. */
  isMigrating?: boolean
  onMissedDeadline?: OnMissedDeadline
}): Queue {
  const { backend, kinds, logger, isMigrating = false, onMissedDeadline = () => {} } = options
  const boss = new PgBoss({
    ...backendOptions(backend, { isMigrating, onMissedDeadline }),
    schedule: false,
    superviseIntervalSeconds: 5,
    monitorIntervalSeconds: 5,
    openTelemetry: { enabled: false },
  })
  boss.on('error', error => logger.warn({ err: error }, 'the queue met an error'))
  boss.on('warning', warning => logger.debug({ warning }, 'the queue warns'))

  const completed = new WeakSet<MessageInHand>()
  const consumers = new Map<string, QueueConsumer>()
  overhear(boss, name => {
    for (const [consumed, consumer] of consumers) if (name === undefined || name === consumed) consumer.wake()
  })

  let opening: Promise<void> | undefined
  let finishing: Promise<void> | undefined
  let stopping: Promise<void> | undefined
  const open = async () => {
    await boss.start().catch(error => {
      throw errorCode(error) === INSUFFICIENT_PRIVILEGE ? missingRights(error) : error
    })
    // Inside a transaction an unknown queue would be looked up outside of it: all are made before anything is sent.
    await boss.createQueue(PARKED)
    for (const { name } of kinds) await ensureQueue(boss, name)
    if ('pglite' in backend) for (const { name } of kinds) await releaseOrphans(boss, name)
  }
  const finish = (timeout: number) => {
    const finished = () => Promise.all([...consumers.values()].map(consumer => consumer.stop(timeout)))
    const isLate = () => pause(timeout + GIVEN_BACK_WITHIN, undefined, { ref: false })
    finishing ??= Promise.race([finished(), isLate()]).then(() => {})
    return finishing
  }
  const stop = async (timeout: number) => {
    const isOpen = await opening?.then(
      () => true,
      () => false,
    )
    if (!isOpen) return
    await finish(timeout)
    const closed = boss.stop()
    await (isMigrating ? closed : Promise.race([closed, pause(CLOSED_WITHIN, undefined, { ref: false })]))
  }

  return {
    open() {
      opening ??= open()
      return opening
    },
    async send(transaction, { name, version }, ids) {
      await boss.send(name, { ...ids, version }, { db: fromKysely(transaction) })
    },
    async consume(kind, work, concurrency, preparation) {
      const { name, version } = kind
      const deliver = async ({ job, prepared }: Taken, setAside: () => void): Promise<Fate> => {
        if (isOfLaterVersion(job.data, version)) {
          logger.warn({ queue: name, job: job.id }, 'a message of a later version waits for a newer process')
          return { status: 'again', reason: 'later version' }
        }
        if (!isOfKind(job.data, kind)) {
          logger.error({ queue: name, job: job.id }, 'a message of an unknown shape was parked')
          return { status: 'parked', reason: 'unknown shape' }
        }
        try {
          await work(job.data, { message: job, prepared: prepared as never, setAside })
          return completed.has(job) ? { status: 'completed' } : { status: 'done' }
        } catch (error) {
          logger.warn({ queue: name, job: job.id, retry: job.retryCount, err: error }, 'a message will come again')
          return { status: 'again', reason: (error as Error).name }
        }
      }
      const prepares = preparation && { preparation: ofJobs(kind, preparation) }
      consumers.set(name, new QueueConsumer({ boss, name, deliver, concurrency, logger, ...prepares }))
    },
    async complete(database, messages, record) {
      await inTransaction(database, async transaction => {
        await record(transaction)
        for (const [name, jobs] of Map.groupBy(messages, ({ name }) => name))
          await boss.complete(name, jobs, null, { db: fromKysely(transaction) })
      })
      for (const message of messages) completed.add(message)
    },
    async longestWait(kinds) {
      const { rows } = await boss.getDb().executeSql(
        `select coalesce(extract(epoch from now() - min(greatest(created_on, start_after))), 0)::float8 as seconds
          from pgboss.job
          where name = any($1::text[]) and state < 'active' and not blocked and start_after <= now()`,
        [kinds.map(({ name }) => name)],
      )
      return rows[0].seconds
    },
    async check() {
      await boss.getDb().executeSql('select id from write_probe for update skip locked') // as `probeWrite` does
    },
    finish,
    stop(timeout) {
      stopping ??= stop(timeout)
      return stopping
    },
  }
}

/** The same for jobs, of which some may be of another shape. */
function ofJobs<Id extends string, Prepared>(kind: MessageKind<Id>, { database, prepare }: Preparation<Id, Prepared>) {
  return {
    database,
    async prepare(transaction: DatabaseTransaction, jobs: readonly Job<unknown>[]): Promise<Taken[]> {
      const messages = jobs.flatMap(job => (isOfKind(job.data, kind) ? [{ job, ids: job.data }] : []))
      const prepared = await prepare(
        transaction,
        messages.map(({ ids }) => ids),
      )
      const byJob = new Map(messages.map(({ job }, index) => [job, prepared[index]]))
      return jobs.map(job => ({ job, prepared: byJob.get(job) }))
    },
  }
}

async function ensureQueue(boss: PgBoss, name: string): Promise<void> {
  const options = { ...RETRIES, ...LEASE, ...RETENTION, notify: true, deadLetter: PARKED }
  await boss.createQueue(name, options)
  await boss.updateQueue(name, options) // creating one that is there changes nothing
}

// The embedded database has one process: whatever is in hand at its start was in the hand of one that died.
async function releaseOrphans(boss: PgBoss, name: string): Promise<void> {
  const orphans = (await allJobs(boss, name)).filter(({ state }) => state === 'active')
  if (orphans.length > 0)
    await boss.fail(
      name,
      orphans.map(({ id }) => id),
      { reason: 'its process ended' },
    )
}

const PAGE = 1_000 // jobs

async function allJobs(boss: PgBoss, name: string): Promise<JobWithMetadata[]> {
  const jobs: JobWithMetadata[] = []
  for (;;) {
    const last = jobs.at(-1)
    const page = await boss.findJobs<object>(name, { limit: PAGE, ...(last && { after: last.id }) })
    jobs.push(...page)
    if (page.length < PAGE) return jobs
  }
}
