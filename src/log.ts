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
