#!/usr/bin/env -S node --max-semi-space-size=32 --heap-growing-percent=25
import { flushCompileCache } from 'node:module'
import { parseArgs } from 'node:util'
import { readConfig } from './config.ts'
import { helpText } from './help.ts'
import { createLogger } from './log.ts'
import { OperatorError } from './operator-error.ts'
import { VERSION } from './version.ts'

// Commands load what they need themselves, so that --help does not wait for a database.

const ENUMERATION = 'audit enumeration'

/** Each command with the options that it takes. */
const COMMANDS: Record<string, { options: string[]; run(options: { now: boolean }): Promise<void> }> = {
  serve: { options: [], run: serve },
  migrate: { options: [], run: migrateAlone },
  'keys list': { options: [], run: listKeys },
  'keys rotate': { options: ['now'], run: rotateKeys },
  [ENUMERATION]: { options: [], run: () => auditEnumeration([]) },
}

const print = (text: string) => void process.stdout.write(`${text}\n`)

async function serve(): Promise<void> {
  const config = readConfig()
  const logger = createLogger(config.logLevel)
  const { openStorage } = await import('./open-storage.ts')
  const storage = openStorage(config, logger) // while all else is loaded
  storage.catch(() => {}) // whoever waits for it is told
  const { startService } = await import('./service.ts')
  const { startMessage } = await import('./start-message.ts')
  const { stopWhenTold } = await import('./stop.ts')
  const service = await startService(config, { logger, storage })
  stopWhenTold(service, logger)
  print(startMessage(config, service))
  flushCompileCache() // by itself it is written at the end alone, which a process that is killed does not see
}

async function migrateAlone(): Promise<void> {
  const config = readConfig()
  const { openStorage } = await import('./open-storage.ts')
  await using storage = await openStorage(config, createLogger(config.logLevel))
  print(storage.migrations.length > 0 ? `Ran ${storage.migrations.join(', ')}.` : 'The database is up to date.')
}

async function listKeys(): Promise<void> {
  const config = readConfig()
  const { listKeys } = await import('./keys-command.ts')
  await listKeys(config, print)
}

async function rotateKeys({ now }: { now: boolean }): Promise<void> {
  const config = readConfig()
  const { rotateKeys } = await import('./keys-command.ts')
  await rotateKeys(config, { dropCurrent: now }, print)
}

/** Has options of its own. Its exit code is its finding, so that a fault needs another. */
async function auditEnumeration(args: string[]): Promise<void> {
  const { enumerationCommand, NOT_FOUND_OUT } = await import('./enumeration/command.ts')
  process.exitCode = NOT_FOUND_OUT
  process.exitCode = await enumerationCommand(args, process)
}

async function run(argv: string[]): Promise<void> {
  if (argv.slice(0, 2).join(' ') === ENUMERATION) return auditEnumeration(argv.slice(2))
  const { values, positionals } = parse(argv)
  if (values.help) return print(helpText(Object.keys(COMMANDS)))
  if (values.version) return print(VERSION)
  const name = positionals.join(' ') || 'serve'
  const command = COMMANDS[name]
  if (!command) throw unknownCommand(`"${name}"`)
  if (values.now && !command.options.includes('now')) throw unknownCommand(`"${name}" with --now`)
  await command.run({ now: values.now })
}

function parse(argv: string[]) {
  try {
    return parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        version: { type: 'boolean', short: 'v', default: false },
        now: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    throw unknownCommand((error as Error).message.split('. ')[0]!)
  }
}

const unknownCommand = (found: string) =>
  new OperatorError({
    needed: `one of the commands ${Object.keys(COMMANDS).join(', ')}`,
    found,
    remedy: 'auth-service --help tells what each does',
  })

try {
  await run(process.argv.slice(2))
} catch (error) {
  const isForOperator = error instanceof OperatorError
  process.stderr.write(`auth-service: ${isForOperator ? error.message : (error as Error).stack}\n`)
  process.exit(process.exitCode ?? 1)
}
