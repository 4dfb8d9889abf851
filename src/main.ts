#!/usr/bin/env -S node --max-semi-space-size=16 --heap-growing-percent=25
import { flushCompileCache } from 'node:module'
import { readConfig } from './config.ts'
import { openServiceLog } from './log.ts'
import { MissedDeadlines } from './missed-deadlines.ts'
import { OperatorError } from './operator-error.ts'
import { markAsRunning } from './running-mark.ts'

// A start loads neither the command line nor what its commands need.

const COMMAND_ENDS_WITHIN = 5_000 // milliseconds; one that has the embedded database open meanwhile

async function serve(): Promise<void> {
  const config = readConfig()
  markAsRunning()
  const log = openServiceLog(config.logLevel)
  const { logger } = log
  const { openStorage } = await import('./open-storage.ts')
  const missedDeadlines = new MissedDeadlines()
  const storage = openStorage(config, logger, { directoryPatience: COMMAND_ENDS_WITHIN, missedDeadlines }) // while all else is loaded
  storage.catch(() => {}) // whoever waits for it is told
  const { startService } = await import('./service.ts')
  const { startMessage } = await import('./start-message.ts')
  const { stopWhenTold } = await import('./stop.ts')
  const service = await startService(config, { logger, storage, missedDeadlines, droppedLines: log.dropped })
  stopWhenTold(service, logger)
  log.print(`${startMessage(config, service)}\n`)
  flushCompileCache() // by itself it is written at the end alone, which a process that is killed does not see
}

async function run(args: string[]): Promise<void> {
  if (args.length === 0 || (args.length === 1 && args[0] === 'serve')) return serve()
  const { runCommand } = await import('./command-line/program.ts')
  const exitCode = await runCommand(args, { serve, streams: process })
  if (exitCode > 0) process.exit(exitCode)
}

try {
  await run(process.argv.slice(2))
} catch (error) {
  const isForOperator = error instanceof OperatorError
  process.stderr.write(`auth-service: ${isForOperator ? error.message : (error as Error).stack}\n`)
  process.exit(1)
}
