import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers } from 'pino'

export type { Logger }

/** JSON lines, on standard output unless another destination is given. */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: label => ({ level: label }) },
    serializers: { err: (error: Error) => reducedError(error, DEPTH) },
  }
  return destination ? pino(options, destination) : pino(options)
}

const INNER_ERRORS = 3
const DEPTH = 2 // of inner errors

type ReducedError = { type: string; message: string; stack: string; code?: unknown; errors?: ReducedError[] }

/** Type, message, SQLSTATE, stack and the first errors within: PostgreSQL puts whole rows into `detail` and `where`. */
function reducedError(error: Error & { code?: unknown }, depth: number): ReducedError {
  const { type, message, stack } = stdSerializers.err(error)
  const inner = depth === 0 ? [] : errorsWithin(error).slice(0, INNER_ERRORS)
  return {
    type,
    message,
    stack,
    ...(error.code !== undefined && { code: error.code }),
    ...(inner.length > 0 && { errors: inner.map(each => reducedError(each, depth - 1)) }),
  }
}

function errorsWithin(error: Error): Error[] {
  const isError = (each: unknown) => each instanceof Error
  if (error instanceof SuppressedError) return [error.error, error.suppressed].filter(isError)
  return error instanceof AggregateError ? error.errors.filter(isError) : []
}

const MINUTE = 60_000 // milliseconds

/** Lets a line be written at most once a minute: what a stranger can cause as often as they like must not fill the log. */
export function onceAMinute<Args extends unknown[]>(write: (...args: Args) => void): (...args: Args) => void {
  let writtenAt = Number.NEGATIVE_INFINITY
  return (...args) => {
    if (performance.now() < writtenAt + MINUTE) return
    writtenAt = performance.now()
    write(...args)
  }
}
