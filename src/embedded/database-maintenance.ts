import type { Logger } from 'pino'
import type { DatabaseClient } from './database-client.ts'

const EVERY = 10_000 // milliseconds
const LOG_TOO_LONG = 32 * 1024 * 1024 // bytes to read again after a crash, and about half of what pg_wal takes
const LOG_TOO_OLD = 300 // seconds

/**
 * Tables that PostgreSQL's own autovacuum would take up, by its rules: a fifth of the rows dead, a tenth changed since
 * they were last analyzed, or transaction ids that grow old. Those without counts are taken too: a crash loses them.
 */
const DUE = `
  select format('%I.%I', n.nspname, c.relname) as name
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_stat_all_tables s on s.relid = c.oid
  where c.relkind in ('r', 'm') and (
    s.n_dead_tup > 50 + 0.2 * greatest(c.reltuples, 0)
    or s.n_mod_since_analyze > 50 + 0.1 * greatest(c.reltuples, 0)
    or age(c.relfrozenxid) > 150000000
    or (c.reltuples > 0 and s.n_live_tup = 0 and s.last_vacuum is null)
  )`

const LOG = `
  select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), redo_lsn)::float8 as bytes,
    extract(epoch from clock_timestamp() - checkpoint_time)::float8 as seconds
  from pg_control_checkpoint()`

/**
 * Does what PostgreSQL's background processes do elsewhere: PGlite has none, so that tables and write-ahead log would
 * grow without end. Statements of others run between the steps; each step takes milliseconds on small tables.
 */
export class DatabaseMaintenance {
  readonly #database: DatabaseClient
  readonly #logger: Logger
  readonly #timer: NodeJS.Timeout
  #round: Promise<void> | undefined
  #seen = 0
  #isStopped = false

  constructor(database: DatabaseClient, logger: Logger) {
    this.#database = database
    this.#logger = logger
    this.#timer = setInterval(() => {
      if (database.activity !== this.#seen) void this.run()
    }, EVERY).unref()
  }

  /** Runs a round now, or waits for the one under way. A failure is logged, not thrown. */
  run(): Promise<void> {
    this.#round ??= this.#tidy()
      .catch(error => this.#logger.error({ err: error }, 'the maintenance of the embedded database failed'))
      .finally(() => {
        this.#round = undefined
        this.#seen = this.#database.activity
      })
    return this.#round
  }

  /** Starts no further round, and waits for the step under way. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#timer)
    await this.#round
  }

  async #tidy(): Promise<void> {
    const { rows: due } = await this.#database.query<{ name: string }>(DUE)
    for (const { name } of due) {
      if (this.#isStopped) return
      await this.#database.query(`vacuum (analyze) ${name}`)
    }
    const { rows } = await this.#database.query<{ bytes: number; seconds: number }>(LOG)
    const { bytes, seconds } = rows[0]!
    const checkpoint = bytes > LOG_TOO_LONG || (seconds > LOG_TOO_OLD && bytes > 0)
    if (checkpoint) await this.#database.query('checkpoint')
    this.#logger.debug({ vacuumed: due.length, checkpoint }, 'the embedded database was tidied up')
  }
}
