import pg from 'pg'
import { ProcessorMeter, parentOf, processTree } from './processor.ts'

/** What a database has written and done between two looks. */
export type Written = {
  /** Bytes of the write-ahead log, of the whole server. */
  wal: number
  commits: number
  /** Milliseconds of processor time, of all processes of the server. */
  processor: number
}

/** Watches one database and its server. */
export class DatabaseMeter implements AsyncDisposable {
  readonly #client: pg.Client
  readonly #processor: ProcessorMeter
  #before = { lsn: '0/0', commits: 0 }

  private constructor(client: pg.Client, processor: ProcessorMeter) {
    this.#client = client
    this.#processor = processor
  }

  static async open(url: string): Promise<DatabaseMeter> {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    const { rows } = await client.query('select pg_backend_pid() as pid')
    const server = parentOf(rows[0].pid)
    return new DatabaseMeter(client, new ProcessorMeter(() => processTree(server)))
  }

  async begin(): Promise<void> {
    this.#before = await this.#look()
    this.#processor.begin()
  }

  async written(): Promise<Written> {
    const processor = this.#processor.taken()
    const { lsn, commits } = await this.#look()
    const { rows } = await this.#client.query('select pg_wal_lsn_diff($1, $2)::float8 as wal', [lsn, this.#before.lsn])
    return { wal: rows[0].wal, commits: commits - this.#before.commits, processor }
  }

  async #look(): Promise<{ lsn: string; commits: number }> {
    const { rows } = await this.#client.query(`
      select pg_current_wal_insert_lsn() as lsn, xact_commit::float8 as commits
      from pg_stat_database where datname = current_database()`)
    return rows[0]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end()
  }
}
