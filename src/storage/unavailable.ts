import { setTimeout as pause } from 'node:timers/promises'
import { errorCode } from './database.ts'

/** The database, or a key, is not to be had at the moment; trying again can help. */
export class UnavailableError extends Error {
  override name = 'UnavailableError'
}

/**
 * SQLSTATE classes of a database that is away, full or overloaded, or that undid a transaction for a conflict: trying
 * again can help. 08 connection, 40 rollback, 53 resources, 57 operator intervention, 58 system.
 */
const CLASSES = ['08', '40', '53', '57', '58']

/**
 * 25006 read_only_sql_transaction: a primary that became a standby. 55000 object_not_in_prerequisite_state: a database
 * that accepts no connections. 55P03 lock_not_available.
 */
const CODES = ['25006', '55000', '55P03']

/** How the network ends a connection that was made; {@link connectError} judges those that cannot be made. */
const NETWORK_ERRORS = [
  'ECONNABORTED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETRESET',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT',
]

// node-postgres has no code for these. To the request for TLS a server that has no resources left answers with an error.
const MESSAGES =
  /^(Connection terminated|There was an error establishing an SSL connection|timeout exceeded when trying to connect|timeout expired|Client has encountered a connection|Client was closed)/

/** Whether an error means that the database cannot be reached or cannot work for the moment. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof UnavailableError) return true
  const code = errorCode(error)
  if (code !== undefined)
    return (
      NETWORK_ERRORS.includes(code) || CODES.includes(code) || (code.length === 5 && CLASSES.includes(code.slice(0, 2)))
    )
  return error instanceof Error && MESSAGES.test(error.message)
}

/**
 * What a connection that could not be made is reported as: unavailable, whatever the operating system or the resolver said,
 * since all of it can change (no route, no address for the name, no free port or file descriptor). Anything else stays as
 * it is, such as a refusal of the server, or its certificate.
 */
export function connectError(error: Error): Error {
  // Where a name has several addresses, each was tried.
  const isOfSystem = error instanceof AggregateError || 'syscall' in error
  if (!isOfSystem) return error
  return new UnavailableError(`the database cannot be reached: ${error.message || errorCode(error)}`)
}

/** Whether PostgreSQL undid the statement for a conflict with another one: it is there, so another try waits for nothing. */
export function isConflict(error: unknown): boolean {
  return /^40.{3}$/.test(errorCode(error) ?? '')
}

/**
 * Whether PostgreSQL ended the statement for what it met, a lock or a conflict, or for its time: another statement may be
 * carried out meanwhile. 57014 query_canceled.
 */
export function isContention(error: unknown): boolean {
  const code = errorCode(error)
  return code === '57014' || code === '55P03' || isConflict(error)
}

/**
 * Whether an error that the server reported is one of the server that the connection leads to, rather than of the
 * statement: a new connection may lead to another one. 57P01 to 57P05 are shutdowns and the like.
 */
export function endsConnection(code: string | undefined): boolean {
  return code !== undefined && (code === '25006' || code === '55000' || /^(08|53|57P0)/.test(code))
}

const PATIENCE = 20_000 // milliseconds
const TRIED_AGAIN_AFTER = 250 // milliseconds

/**
 * Does what a start needs of the database. While that is unavailable it tries again, for 20 seconds: it may be starting
 * too, or the machine be so busy that connections take long. What time does not change, such as a wrong password, fails
 * at once.
 *
 * @param onWait is told once, with the error, that it is going to try again
 * @throws whatever `work` threw last
 */
export async function onceAvailable<Result>(
  work: () => Promise<Result>,
  onWait: (error: unknown) => void,
): Promise<Result> {
  const deadline = performance.now() + PATIENCE
  for (let tries = 1; ; tries++)
    try {
      return await work()
    } catch (error) {
      if (!isUnavailable(error) || performance.now() > deadline) throw error
      if (tries === 1) onWait(error)
      await pause(TRIED_AGAIN_AFTER)
    }
}
