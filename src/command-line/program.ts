import { Command, CommanderError } from 'commander'
import { helpText } from '../help.ts'
import { VERSION } from '../version.ts'
import { accountCommands } from './account-commands.ts'
import { auditCommands } from './audit-commands.ts'
import { type CommandLine, EXIT } from './command-line.ts'
import { exitCodeOf, writeError } from './errors.ts'
import { eventCommands } from './event-commands.ts'
import { keyCommands } from './key-commands.ts'
import { secretCommands } from './secret-commands.ts'
import { serviceCommands } from './service-commands.ts'
import { sessionCommands } from './session-commands.ts'
import { usageErrorOf } from './usage-error.ts'

/** Every group of commands; each adds its own to the program. */
const GROUPS = [
  serviceCommands,
  keyCommands,
  secretCommands,
  accountCommands,
  sessionCommands,
  eventCommands,
  auditCommands,
]

/**
 * Runs one command.
 * @param args as they come from the shell
 * @returns the exit code; see `EXIT`
 */
export async function runCommand(args: string[], commandLine: CommandLine): Promise<number> {
  const program = createProgram(commandLine)
  commandLine.streams.stdout.on('error', ignoreClosedPipe)
  commandLine.streams.stderr.on('error', () => {}) // the log of a command that cannot be written must not end it
  try {
    await program.parseAsync(args, { from: 'user' })
    return typeof process.exitCode === 'number' ? process.exitCode : EXIT.done
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done // --help, --version
    const shown = error instanceof CommanderError ? usageErrorOf(error, commandsOf(program)) : error
    writeError(commandLine.streams.stderr, shown, { json: args.includes('--json') })
    return typeof process.exitCode === 'number' ? process.exitCode : exitCodeOf(shown)
  }
}

// Whoever read the output, such as `head`, had enough; what the command does is done all the same.
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}

function createProgram(commandLine: CommandLine): Command {
  const program = new Command('auth-service')
  program.exitOverride()
  program.configureOutput({
    writeOut: text => void commandLine.streams.stdout.write(text),
    writeErr: () => {}, // what is wrong is thrown as well, and told in the form that every other error has
  })
  program.version(VERSION, '-v, --version').helpCommand(false)
  for (const addTo of GROUPS) addTo(program, commandLine)
  program.helpInformation = () => `${helpText(commandsOf(program).map(({ name, about }) => [name, about]))}\n`
  return program
}

/** The commands that do something, by the names that are typed. */
function commandsOf(parent: Command, prefix = ''): { name: string; about: string }[] {
  return parent.commands.flatMap(command => {
    const name = `${prefix}${command.name()}`
    return command.commands.length > 0
      ? commandsOf(command, `${name} `)
      : [{ name, about: command.summary() || command.description() }]
  })
}
