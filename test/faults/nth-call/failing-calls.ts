import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import pg from 'pg'
import { DatabaseClient, type EmbeddedTransaction } from '../../../src/embedded/database-client.ts'

/** How a database call fails: before it was executed, or after, so that only its answer is lost. */
export type Fault = {
  name: string
  when: 'before' | 'after'
  /** What PostgreSQL is made to answer; without, nothing is answered. */
  raise?: string
  /** Whether the connection is gone as well. */
  cuts: boolean
}

const ADMIN_SHUTDOWN = `do $$ begin raise exception 'a fault' using errcode = '57P01'; end $$`
const CONNECTION_FAILURE = `do $$ begin raise exception 'a fault' using errcode = '08006'; end $$`
const SERIALIZATION_FAILURE = `do $$ begin raise exception 'a fault' using errcode = '40001'; end $$`
const DISK_FULL = `do $$ begin raise exception 'a fault' using errcode = '53100'; end $$`

/** The connection is cut first; then what PostgreSQL says of itself, and of one statement, which never follows it. */
export const FAULTS: readonly Fault[] = [
  { name: 'cut after', when: 'after', cuts: true },
  { name: 'cut before', when: 'before', cuts: true },
  { name: '57P01 before', when: 'before', raise: ADMIN_SHUTDOWN, cuts: true },
  { name: '57P01 after', when: 'after', raise: ADMIN_SHUTDOWN, cuts: true },
  { name: '08006 before', when: 'before', raise: CONNECTION_FAILURE, cuts: true },
  { name: '08006 after', when: 'after', raise: CONNECTION_FAILURE, cuts: true },
  { name: '40001 before', when: 'before', raise: SERIALIZATION_FAILURE, cuts: false },
  { name: '53100 before', when: 'before', raise: DISK_FULL, cuts: false },
]

/** A fault that waits for the n-th database call of one request. */
export type ArmedFault = {
  fault: Fault
  callsUntil: number
  /** Whose call failed; undefined as long as none did. */
  statement: string | undefined
  /** Whether nobody listened for the end of the connection, which would end the process. */
  isUncaught: boolean
}

export const FAULT_HEADER = 'x-test-fault'

// biome-ignore lint/suspicious/noExplicitAny: it has a dozen signatures
type AnyArguments = any[]
type Query = (...args: unknown[]) => Promise<unknown>

/**
 * Lets database calls fail in this process, those alone that a request makes which names an armed fault in its
 * {@link FAULT_HEADER}; what the service does meanwhile for itself is left alone.
 */
export class FailingCalls implements Disposable {
  readonly #armed = new Map<string, ArmedFault>()
  readonly #context = new AsyncLocalStorage<ArmedFault | undefined>()
  readonly #originals = {
    query: pg.Client.prototype.query,
    embeddedQuery: DatabaseClient.prototype.query,
    embeddedTransaction: DatabaseClient.prototype.transaction,
  }
  #last = 0

  constructor() {
    subscribe('http.server.request.start', this.#enter)
    const failing = this
    const { query, embeddedQuery, embeddedTransaction } = this.#originals
    // biome-ignore lint/suspicious/noExplicitAny: it has a dozen signatures
    pg.Client.prototype.query = function (this: pg.Client, ...args: AnyArguments): any {
      return failing.#asked(this, (query as Query).bind(this), args)
    }
    DatabaseClient.prototype.query = function (this: DatabaseClient, ...args: AnyArguments) {
      return failing.#askedEmbedded((embeddedQuery as Query).bind(this), args)
    } as typeof embeddedQuery
    DatabaseClient.prototype.transaction = function <T>(
      this: DatabaseClient,
      work: (transaction: EmbeddedTransaction) => Promise<T>,
    ): Promise<T> {
      return embeddedTransaction.call(this, async transaction => {
        const ask = (transaction.query as Query).bind(transaction)
        const result = await work({
          ...transaction,
          query: ((...args: AnyArguments) => failing.#askedEmbedded(ask, args)) as EmbeddedTransaction['query'],
        })
        await failing.#askedEmbedded(async () => {}, ['commit'], ask)
        return result
      }) as Promise<T>
    }
  }

  /** @param n the call that fails, from 1 */
  arm(fault: Fault, n: number): { name: string; armed: ArmedFault } {
    const name = String(++this.#last)
    const armed: ArmedFault = { fault, callsUntil: n, statement: undefined, isUncaught: false }
    this.#armed.set(name, armed)
    return { name, armed }
  }

  [Symbol.dispose](): void {
    unsubscribe('http.server.request.start', this.#enter)
    pg.Client.prototype.query = this.#originals.query
    DatabaseClient.prototype.query = this.#originals.embeddedQuery
    DatabaseClient.prototype.transaction = this.#originals.embeddedTransaction
  }

  readonly #enter = (message: unknown): void => {
    const { request } = message as { request: IncomingMessage }
    this.#context.enterWith(this.#armed.get(String(request.headers[FAULT_HEADER])))
  }

  /** The fault that this call meets, if it is its turn. */
  #meets(statement: unknown): ArmedFault | undefined {
    const armed = this.#context.getStore()
    if (!armed || --armed.callsUntil !== 0) return undefined
    armed.statement = String(statement)
    return armed
  }

  // biome-ignore lint/suspicious/noExplicitAny: it has a dozen signatures
  #asked(client: pg.Client, query: Query, args: AnyArguments): any {
    const armed = this.#meets(typeof args[0] === 'string' ? args[0] : args[0]?.text)
    if (!armed) return query(...args)
    armed.isUncaught = armed.fault.cuts && client.listenerCount('error') === 0
    if (armed.isUncaught) client.once('error', () => {}) // or this very process would end
    const callback = args.findLast(argument => typeof argument === 'function')
    const failed = fail(client, query, armed.fault, args.slice(0, callback ? -1 : undefined))
    if (!callback) return failed
    failed.catch(callback)
  }

  /** @param raise where the error comes from; the embedded database cannot be cut off */
  async #askedEmbedded(query: Query, args: AnyArguments, raise: Query = query): Promise<unknown> {
    const armed = this.#meets(args[0])
    if (!armed) return await query(...args)
    return await raise(armed.fault.raise)
  }
}

/** Runs the call where it is to be executed, then lets it fail with what the driver makes of the real fault. */
async function fail(client: pg.Client, query: Query, { when, raise, cuts }: Fault, args: unknown[]): Promise<never> {
  const { stream } = (client as unknown as { connection: { stream: { destroy(): void } } }).connection
  if (when === 'after') await query(...args)
  try {
    if (raise) await query(raise)
    stream.destroy()
    await query('select 1')
  } finally {
    if (cuts) stream.destroy()
  }
  throw new Error('the fault did not make the call fail')
}
