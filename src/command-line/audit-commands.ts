import type { Command } from 'commander'
import type { CommandLine } from './command-line.ts'

/** `audit enumeration`. */
export function auditCommands(program: Command, { streams }: CommandLine): void {
  const audit = program.command('audit').description('test a running service from outside')
  audit
    .command('enumeration')
    .description('test whether a stranger can find out who has an account at --url=…')
    // It parses its own options, and its exit code is its finding.
    .argument('[options...]')
    .allowUnknownOption()
    .helpOption(false)
    .action(async (_options: string[], _: object, command: Command) => {
      const { enumerationCommand, NOT_FOUND_OUT } = await import('../enumeration/command.ts')
      process.exitCode = NOT_FOUND_OUT
      process.exitCode = await enumerationCommand(command.args, streams)
    })
}
