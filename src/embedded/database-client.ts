import type { Worker } from 'node:worker_threads'
import type { Results } from '@electric-sql/pglite'
import type { FromWorker, Operation, Outcome, Place, Refusal, RowMode, ToWorker } from './database-protocol.ts'

type QueryOptions = { rowMode?: RowMode }
type Call = { resolve(outcome: Outcome): void; reject(error: Error): void }

export interface EmbeddedTransaction {
  query<T>(text: string, parameters?: unknown[], options?: QueryOptions): Promise<Results<T>>
  exec(text: string): Promise<Results[]>
  rollback(): Promise<void>
}

/** An error that PostgreSQL answered, with the fields of its protocol; `code` is the SQLSTATE. */
export class EmbeddedDatabaseError extends Error implements Refusal {
  override name = 'EmbeddedDatabaseError'
  declare code?: string
  declare detail?: string
  declare constraint?: string

  constructor(refusal: Refusal, options?: ErrorOptions) {
    super(refusal.message, options)
    Object.assign(this, refusal)
  }
}

/**
 * What Kysely's PGlite dialect and pg-boss's `fromPglite` use of PGlite, of a PostgreSQL in another thread.
 *
 * Results have PGlite's shapes. Where that thread ends by itself, everything under way and everything asked later is
 * refused, transactions included.
 */
export class DatabaseClient {
  readonly waitReady: Promise<void> = Promise.resolve()
  readonly #worker: Worker
  readonly #calls = new Map<number, Call>()
  readonly #listeners = new Map<number, (payload: string) => void>()
  readonly #onFailure: (error: Error) => void
  #lastId = 0
  #lastSubscription = 0
  /** Settles when every transaction that was asked for has ended; undefined when none is open. */
  #transactions: Promise<void> | undefined
  #end: Error | undefined
  #closing: Promise<void> | undefined

  /**
   * @param worker a thread that serves
   * @param onFailure is called once when the thread ends without being closed
   */
  constructor(worker: Worker, onFailure: (error: Error) => void) {
    this.#worker = worker
    this.#onFailure = onFailure
    worker.on('message', (message: FromWorker) => this.#receive(message))
    worker.on('error', error => this.#fail(error))
    worker.on('exit', () => this.#fail(undefined))
  }

  get ready(): boolean {
    return !this.#end && !this.#closing
  }

  get closed(): boolean {
    return this.#closing !== undefined
  }

  /** How much was asked so far; it stands still while the database is idle. */
  get activity(): number {
    return this.#lastId
  }

  query<T>(text: string, parameters?: unknown[], { rowMode }: QueryOptions = {}): Promise<Results<T>> {
    return this.#outsideTransactions(() =>
      this.#ask({ kind: 'query', text, parameters, rowMode, place: 'outside a transaction' }),
    )
  }

  /** Runs several statements without parameters. */
  exec(text: string): Promise<Results[]> {
    return this.#outsideTransactions(() => this.#ask({ kind: 'exec', text, place: 'outside a transaction' }))
  }

  /** Runs `work` in a transaction while all else waits: asking the database instead of the transaction hangs. */
  transaction<T>(work: (transaction: EmbeddedTransaction) => Promise<T>): Promise<T> {
    const outcome = this.#outsideTransactions(() => this.#runTransaction(work))
    const ended = outcome.then(
      () => {},
      () => {},
    )
    this.#transactions = ended
    void ended.then(() => {
      if (this.#transactions === ended) this.#transactions = undefined
    })
    return outcome
  }

  /** @returns a function that ends the listening */
  async listen(channel: string, listener: (payload: string) => void): Promise<() => Promise<void>> {
    const subscription = ++this.#lastSubscription
    this.#listeners.set(subscription, listener)
    await this.#outsideTransactions(() => this.#ask({ kind: 'listen', channel, subscription }))
    return async () => {
      this.#listeners.delete(subscription)
      await this.#outsideTransactions(() => this.#ask({ kind: 'unlisten', subscription }))
    }
  }

  /** Closes the database after all that was asked so far. To call it again waits for the same. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#end) return
    await this.#outsideTransactions(() => this.#ask({ kind: 'close' }))
    this.#end = stopped('the embedded database is closed')
    await this.#worker.terminate()
  }

  #outsideTransactions<T>(run: () => Promise<T>): Promise<T> {
    return this.#transactions ? this.#transactions.then(run) : run()
  }

  async #runTransaction<T>(work: (transaction: EmbeddedTransaction) => Promise<T>): Promise<T> {
    let state: 'unbegun' | 'open' | 'ended' = 'unbegun'
    const place = (): Place => {
      if (state === 'ended') throw new Error('the transaction has ended')
      const first = state === 'unbegun'
      state = 'open'
      return first ? 'first of a transaction' : 'inside a transaction'
    }
    const end = async (command: 'commit' | 'rollback') => {
      const wasOpen = state === 'open'
      state = 'ended'
      if (!wasOpen) return
      const [result] = await this.#ask<Results[]>({ kind: 'exec', text: command, place: 'inside a transaction' })
      // PostgreSQL answers the commit of a transaction with a failed statement by rolling it back.
      if (command === 'commit' && result?.command === 'ROLLBACK') throw new EmbeddedDatabaseError(ABORTED)
    }
    try {
      const result = await work({
        query: async (text, parameters, { rowMode } = {}) =>
          this.#ask({ kind: 'query', text, parameters, rowMode, place: place() }),
        exec: async text => this.#ask({ kind: 'exec', text, place: place() }),
        rollback: () => end('rollback'),
      })
      await end('commit')
      return result
    } catch (error) {
      // Where the rollback fails, the database has ended, and the transaction with it.
      await end('rollback').catch(() => {})
      throw error
    }
  }

  #ask<T = void>(operation: Operation): Promise<T> {
    if (this.#end) return Promise.reject(this.#end)
    const id = ++this.#lastId
    return new Promise<Outcome>((resolve, reject) => {
      this.#worker.postMessage({ id, operation } satisfies ToWorker)
      this.#calls.set(id, { resolve, reject })
    }) as Promise<T>
  }

  #receive(message: FromWorker): void {
    if (message.kind === 'notification') this.#listeners.get(message.subscription)?.(message.payload)
    if (message.kind !== 'outcome' && message.kind !== 'refusal') return
    const call = this.#calls.get(message.id)
    this.#calls.delete(message.id)
    if (message.kind === 'outcome') call?.resolve(message.outcome)
    else call?.reject(new EmbeddedDatabaseError(message.refusal))
  }

  #fail(cause: Error | undefined): void {
    if (this.#end) return
    this.#end = stopped('the embedded database has stopped', cause)
    for (const { reject } of this.#calls.values()) reject(this.#end)
    this.#calls.clear()
    this.#onFailure(this.#end)
  }
}

const ABORTED = { message: 'the transaction was rolled back instead of committed', code: '25P02' }

/** 57P01, admin_shutdown, is what a PostgreSQL server says when it stops. */
function stopped(message: string, cause?: Error): EmbeddedDatabaseError {
  return new EmbeddedDatabaseError({ message, code: '57P01' }, { cause })
}
