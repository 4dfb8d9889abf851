import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers } from 'pino'

export type { Logger }

/** JSON lines. */
export function createLogger(level: string, destination: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: label => ({ level: label }) },
    serializers: { err: (error: Error) => reducedError(error, DEPTH) },
  }
  return pino(options, destination)
}

const MOST_WAITING = 1024 ** 2 // bytes
const TRY_AGAIN_AFTER = 100 // milliseconds
const LAST_TRIES = 5 // when the process ends

/** The log of the service, and what it prints besides. */
export type ServiceLog = {
  logger: Logger
  /** Writes text between the lines of the log. */
  print(text: string): void
  /** How many lines were dropped since the start. */
  dropped(): number
}

/**
 * The log on standard output. When that fails, such as on a full disk, or by a reader that hangs or has ended, it neither
 * ends nor delays the service: lines wait in memory and are tried again, those beyond 1 MiB are dropped, and when all that
 * waited has been written, a line tells how many.
 */
export function openServiceLog(level: string): ServiceLog {
  // pino flushes its destination for `fatal` and when the process ends, and sonic-boom then retries all errors but EAGAIN
  // for ever. So each line is written at once, and the logger below is given no flushSync to call.
  const output = pino.destination({ sync: true, minLength: 1, maxLength: MOST_WAITING, retryEAGAIN: () => false })
  output.removeAllListeners('error') // pino's own throws, or after EPIPE ends all logging
  // A write to a full pipe or terminal must fail rather than wait; a file has no handle.
  ;(process.stdout as { _handle?: { setBlocking(blocking: boolean): void } })._handle?.setBlocking(false)

  let retry: NodeJS.Timeout | undefined
  const tryAgain = () => {
    clearTimeout(retry)
    retry = undefined
    output.flush()
  }
  output.on('error', () => {
    retry ??= setTimeout(tryAgain, TRY_AGAIN_AFTER).unref()
  })

  let dropped = 0
  let told = 0
  output.on('drop', () => dropped++)
  const print = (text: string) => void output.write(text)
  const logger = createLogger(level, { write: print })
  const tellDropped = () => {
    const lines = dropped - told
    told = dropped
    if (lines > 0) logger.warn({ lines }, 'log lines were dropped because they could not be written')
  }
  output.on('drain', tellDropped)
  process.on('exit', () => {
    for (let tries = 0; retry && tries < LAST_TRIES; tries++) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TRY_AGAIN_AFTER)
      tryAgain()
    }
    if (!retry) tellDropped() // no event comes after this one
  })
  return { logger, print, dropped: () => dropped }
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
