import { AdminError, type AdminErrorCode } from '../admin/errors.ts'
import { OperatorError } from '../operator-error.ts'
import { EXIT, WrongUsage } from './command-line.ts'

/** Writes an error for a person, or as one JSON object on one line. */
export function writeError(stderr: NodeJS.WritableStream, error: unknown, { json }: { json: boolean }): void {
  if (json) return void stderr.write(`${JSON.stringify({ error: factsOf(error) })}\n`)
  const text = error instanceof OperatorError ? error.message : String((error as Error).stack)
  stderr.write(`auth-service: ${text}\n`)
}

const EXIT_CODES: Record<AdminErrorCode, number> = {
  invalid_argument: EXIT.wrongUsage,
  account_not_found: EXIT.notFound,
  account_ambiguous: EXIT.notFound,
  account_unconfirmed: EXIT.failed,
  session_not_found: EXIT.notFound,
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof AdminError) return EXIT_CODES[error.code]
  return error instanceof WrongUsage ? EXIT.wrongUsage : EXIT.failed
}

function factsOf(error: unknown) {
  const { message } = error as Error
  if (!(error instanceof OperatorError)) return { code: 'failed', message }
  const ids = error instanceof AdminError ? error.ids : undefined
  return { code: codeOf(error), message, ...error.fault, ...(ids && { ids }) }
}

function codeOf(error: OperatorError): string {
  if (error instanceof AdminError) return error.code
  return error instanceof WrongUsage ? 'wrong_usage' : 'failed'
}
