import type { Command } from 'commander'
import { readConfig } from '../config.ts'
import { createLogger } from '../log.ts'
import type { CommandLine } from './command-line.ts'

/** `serve` and `migrate`. */
export function serviceCommands(program: Command, { serve, streams }: CommandLine): void {
  program.command('serve').description('run the service (the default)').action(serve)

  program
    .command('migrate')
    .description('bring the database up to date, the queue included, and end')
    .option('--json', 'print one JSON object')
    .action(async ({ json }: { json?: true }) => {
      const config = readConfig()
      const { migrateStorage } = await import('../open-storage.ts')
      const migrations = await migrateStorage(config, createLogger(json ? 'warn' : config.logLevel, streams.stderr))
      const text = migrations.length > 0 ? `Ran ${migrations.join(', ')}.` : 'The database is up to date.'
      streams.stdout.write(`${json ? JSON.stringify({ migrations }) : text}\n`)
    })
}
