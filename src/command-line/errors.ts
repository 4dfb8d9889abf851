import { OperatorError } from '../operator-error.ts'
import { EXIT, WrongUsage } from './command-line.ts'

/** Writes an error for a person, or as one JSON object on one line. */
export function writeError(stderr: NodeJS.WritableStream, error: unknown, { json }: { json: boolean }): void {
  if (json) return void stderr.write(`${JSON.stringify({ error: factsOf(error) })}\n`)
  const text = error instanceof OperatorError ? error.message : String((error as Error).stack)
  stderr.write(`auth-service: ${text}\n`)
}

export function exitCodeOf(error: unknown): number {
  return error instanceof WrongUsage ? EXIT.wrongUsage : EXIT.failed
}

function factsOf(error: unknown) {
  const { message } = error as Error
  if (!(error instanceof OperatorError)) return { code: 'failed', message }
  return { code: error instanceof WrongUsage ? 'wrong_usage' : 'failed', message, ...error.fault }
}
