import { errorCode } from './database.ts'

/**
 * SQLSTATE classes of a database that is away, full or overloaded, or that undid a transaction for a conflict: trying
 * again can help. 08 connection, 40 rollback, 53 resources, 57 operator intervention, 58 system.
 */
const CLASSES = ['08', '40', '53', '57', '58']

const NETWORK_ERRORS = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH']

// node-postgres has no code for these.
const MESSAGES = /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection)/

/** Whether an error means that the database cannot be reached or cannot work for the moment. */
export function isUnavailable(error: unknown): boolean {
  const code = errorCode(error)
  if (code !== undefined)
    return NETWORK_ERRORS.includes(code) || (code.length === 5 && CLASSES.includes(code.slice(0, 2)))
  return error instanceof Error && MESSAGES.test(error.message)
}
