import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import pg from 'pg'

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

/**
 * Lets database calls fail in this process, those alone that a request makes which names an armed fault in its
 * {@link FAULT_HEADER}; what the service does meanwhile for itself is left alone.
 */
export class FailingCalls implements Disposable {
  readonly #armed = new Map<string, ArmedFault>()
  readonly #context = new AsyncLocalStorage<ArmedFault | undefined>()
  readonly #query = pg.Client.prototype.query
  #last = 0

  constructor() {
    subscribe('http.server.request.start', this.#enter)
    const failing = this
    // biome-ignore lint/suspicious/noExplicitAny: it has a dozen signatures
    pg.Client.prototype.query = function (this: pg.Client, ...args: any[]): any {
      return failing.#called(this, args)
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
    pg.Client.prototype.query = this.#query
  }

  readonly #enter = (message: unknown): void => {
    const { request } = message as { request: IncomingMessage }
    this.#context.enterWith(this.#armed.get(String(request.headers[FAULT_HEADER])))
  }

  // biome-ignore lint/suspicious/noExplicitAny: it has a dozen signatures
  #called(client: pg.Client, args: any[]): any {
    const armed = this.#context.getStore()
    const query = this.#query.bind(client) as (...args: unknown[]) => Promise<unknown>
    if (armed === undefined) return query(...args)
    if (--armed.callsUntil !== 0) return query(...args)
    armed.isUncaught = armed.fault.cuts && client.listenerCount('error') === 0
    if (armed.isUncaught) client.once('error', () => {}) // or this very process would end
    armed.statement = typeof args[0] === 'string' ? args[0] : String(args[0]?.text)
    const callback = args.findLast(argument => typeof argument === 'function')
    const failed = fail(client, query, armed.fault, args.slice(0, callback ? -1 : undefined))
    if (!callback) return failed
    failed.catch(callback)
  }
}

/** Runs the call where it is to be executed, then lets it fail with what the driver makes of the real fault. */
async function fail(
  client: pg.Client,
  query: (...args: unknown[]) => Promise<unknown>,
  { when, raise, cuts }: Fault,
  args: unknown[],
): Promise<never> {
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
