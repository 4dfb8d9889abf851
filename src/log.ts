import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers } from 'pino'

export type { Logger }

/**
 * JSON lines, on standard output unless another destination is given.
 *
 * Errors are reduced to type, message, SQLSTATE and stack: PostgreSQL puts whole rows into `detail` and `where`.
 */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: label => ({ level: label }) },
    serializers: {
      err: (error: Error & { code?: unknown }) => {
        const { type, message, stack } = stdSerializers.err(error)
        return { type, message, stack, ...(error.code === undefined ? {} : { code: error.code }) }
      },
    },
  }
  return destination ? pino(options, destination) : pino(options)
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
