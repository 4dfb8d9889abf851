import type { Logger } from './log.ts'

const SAME_SIGNAL = 500 // milliseconds; Ctrl-C reaches us from the terminal and once more through npm
const LONGEST_STOP = 10_000 // milliseconds; orchestrators kill after 10 to 30 s

/**
 * Stops the service when the process is told to: SIGTERM and SIGINT finish what is under way, for 10 seconds at the
 * most, and a second signal ends at once. An error that nobody caught is logged and stops the service too, with exit
 * code 1: its state cannot be trusted any more. So does a failure that only a new start can mend.
 */
export function stopWhenTold(service: AsyncDisposable & { failed: Promise<Error> }, logger: Logger): void {
  let toldAt: number | undefined

  const stop = async (exitCode: number) => {
    setTimeout(() => {
      logger.error('the stop took too long and was cut short')
      process.exit(1)
    }, LONGEST_STOP).unref()
    try {
      await service[Symbol.asyncDispose]()
      logger.info('stopped')
      process.exit(exitCode)
    } catch (error) {
      logger.error({ err: error }, 'the stop failed')
      process.exit(1)
    }
  }

  const onSignal = (signal: NodeJS.Signals) => {
    const now = performance.now()
    if (toldAt === undefined) {
      toldAt = now
      logger.info({ signal }, 'stopping; a second signal ends at once')
      void stop(0)
    } else if (now - toldAt > SAME_SIGNAL) {
      logger.warn({ signal }, 'ended at once')
      process.exit(1)
    }
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)

  const giveUpFor = (reason: string) => (error: unknown) => {
    logger.fatal({ err: error }, reason)
    if (toldAt !== undefined) return
    toldAt = performance.now()
    void stop(1)
  }
  process.on('uncaughtException', giveUpFor('an error that nobody caught'))
  process.on('unhandledRejection', giveUpFor('an error that nobody caught'))
  void service.failed.then(giveUpFor('a failure that only a new start can mend'))
}
