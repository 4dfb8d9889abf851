import { type ConstructorOptions, fromKysely, fromPglite, type Job, type JobWithMetadata, PgBoss } from 'pg-boss'
import { validate as isUuid } from 'uuid'
import type { Logger } from '../log.ts'
import type { OnMissedDeadline } from './bounded-client.ts'
import { type DatabaseTransaction, errorCode, refuseInsideTransaction } from './database.ts'
import { INSUFFICIENT_PRIVILEGE, missingRights } from './migrate.ts'
import { postgresConnections } from './postgres.ts'

import { type Fate, QueueConsumer } from './queue-consumer.ts'

/**
 * A kind of message: its name, which is its queue's, and the ids that it holds. Never anything secret, nor anything
 * else: whoever consumes it reads the truth from the database.
 */
export type MessageKind<Id extends string = string> = {
  readonly name: string
  readonly version: number
  /** Names of its ids, each a UUID. */
  readonly ids: readonly Id[]
}

/** Where the jobs lie: PostgreSQL, on connections of the queue's own, or the embedded database. */
export type QueueBackend = { postgresUrl: string; isPooled: boolean } | { pglite: Parameters<typeof fromPglite>[0] }

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
   * up to 5 minutes, and so does one of a later version, for which a newer process may be there soon; one of another
   * shape is parked at once, since no repetition would mend it.
   *
   * @param concurrency how many may be worked on at once, now; a few more are in hand. Each for 5 minutes at the most.
   */
  consume<Id extends string>(
    kind: MessageKind<Id>,
    work: (ids: Record<NoInfer<Id>, string>) => Promise<void>,
    concurrency: () => number,
  ): Promise<void>
  /** Seconds that the message of these kinds which waits longest has been due; 0 when none waits. */
  longestWait(kinds: readonly MessageKind[]): Promise<number>
  /** Throws when the queue cannot be reached or accepts no writes. */
  check(): Promise<void>
  /** Finishes the messages in hand, for that many milliseconds at the most, and takes no more. */
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

const RETENTION = {
  retentionSeconds: 14 * 86_400,
  deleteAfterSeconds: 3_600, // a settled message is of no more use
}

const LONGEST_QUERY = 10_000 // milliseconds, after which the connection is given up

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
    ...backendOptions(backend, isMigrating ? 0 : LONGEST_QUERY, onMissedDeadline),
    // Behind a pooler a connection that listens loses its session after each transaction.
    useListenNotify: !('isPooled' in backend && backend.isPooled),
    schedule: false,
    superviseIntervalSeconds: 5,
    monitorIntervalSeconds: 5,
    openTelemetry: { enabled: false },
  })
  boss.on('error', error => logger.warn({ err: error }, 'the queue met an error'))
  boss.on('warning', warning => logger.debug({ warning }, 'the queue warns'))

  const consumers = new Map<string, QueueConsumer>()
  overhear(boss, name => {
    for (const [consumed, consumer] of consumers) if (name === undefined || name === consumed) consumer.wake()
  })

  let opening: Promise<void> | undefined
  const open = async () => {
    await boss.start().catch(error => {
      throw errorCode(error) === INSUFFICIENT_PRIVILEGE ? missingRights(error) : error
    })
    // Inside a transaction an unknown queue would be looked up outside of it: all are made before anything is sent.
    await boss.createQueue(PARKED)
    for (const { name } of kinds) await ensureQueue(boss, name)
    if ('pglite' in backend) for (const { name } of kinds) await releaseOrphans(boss, name)
  }

  return {
    open() {
      opening ??= open()
      return opening
    },
    async send(transaction, { name, version }, ids) {
      await boss.send(name, { ...ids, version }, { db: fromKysely(transaction) })
    },
    async consume(kind, work, concurrency) {
      const { name, version } = kind
      const deliver = async (job: Job<unknown>): Promise<Fate> => {
        if (isOfLaterVersion(job.data, version)) {
          logger.warn({ queue: name, job: job.id }, 'a message of a later version waits for a newer process')
          return { status: 'again', reason: 'later version' }
        }
        if (!isOfKind(job.data, kind)) {
          logger.error({ queue: name, job: job.id }, 'a message of an unknown shape was parked')
          return { status: 'parked', reason: 'unknown shape' }
        }
        try {
          await work(job.data)
          return { status: 'done' }
        } catch (error) {
          logger.warn({ queue: name, job: job.id, retry: job.retryCount, err: error }, 'a message will come again')
          return { status: 'again', reason: (error as Error).name }
        }
      }
      consumers.set(name, new QueueConsumer({ boss, name, deliver, concurrency, logger }))
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
    async stop(timeout) {
      const isOpen = await opening?.then(
        () => true,
        () => false,
      )
      if (!isOpen) return
      await Promise.all([...consumers.values()].map(consumer => consumer.stop(timeout)))
      await boss.stop()
    },
  }
}

function isOfKind<Id extends string>(data: unknown, { version, ids }: MessageKind<Id>): data is Record<Id, string> {
  if (typeof data !== 'object' || data === null || !('version' in data) || data.version !== version) return false
  const { version: _, ...rest } = data as Record<string, unknown>
  return Object.keys(rest).length === ids.length && ids.every(id => isUuid(rest[id]))
}

function isOfLaterVersion(data: unknown, known: number): boolean {
  if (typeof data !== 'object' || data === null || !('version' in data)) return false
  return Number.isInteger(data.version) && (data.version as number) > known
}

function backendOptions(backend: QueueBackend, longestQuery: number, onMissedDeadline: OnMissedDeadline) {
  if ('postgresUrl' in backend)
    return {
      ...postgresConnections(backend.postgresUrl, longestQuery, { work: 'background', onMissedDeadline }),
      max: 4,
    }
  const inner = fromPglite(backend.pglite)
  const db: NonNullable<ConstructorOptions['db']> = {
    ...inner,
    executeSql: (text, values) => {
      refuseInsideTransaction()
      return inner.executeSql(text, values)
    },
  }
  return { db, backend: 'pglite' as const }
}

/**
 * What pg-boss hears of new messages it tells its own workers alone.
 * @param hear is told the queue's name; none when anything may have been missed
 */
function overhear(boss: PgBoss, hear: (name?: string) => void): void {
  const db: NonNullable<ConstructorOptions['db']> = boss.getDb()
  const listen = db.listen?.bind(db)
  if (!listen) return
  db.listen = (channel, onNotification, onReconnect) =>
    listen(
      channel,
      name => {
        onNotification(name)
        hear(name)
      },
      () => {
        onReconnect()
        hear()
      },
    )
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
