import type { CommanderError } from 'commander'
import { WrongUsage } from './command-line.ts'

/** What the parser refused, told as every other error is. */
export function usageErrorOf({ code, message }: CommanderError, commands: { name: string }[]): WrongUsage {
  const [problem = '', suggestion] = message.replace(/^error: /, '').split('\n')
  const guess = suggestion ? `${suggestion.replace(/^\(Did you mean (.*?)\?\)$/, 'did you mean $1?')} ` : ''
  const unknown = /^unknown command '(.*)'$/.exec(problem)?.[1]
  const isCommand = unknown !== undefined || code === 'commander.help'
  return new WrongUsage({
    needed: isCommand
      ? `one of the commands ${commands.map(({ name }) => name).join(', ')}`
      : 'the arguments and options that this command takes',
    found: unknown !== undefined ? `"${unknown}"` : isCommand ? 'the first word of several commands' : problem,
    remedy: `${guess}auth-service --help tells what each command does, and <command> --help what it takes`,
  })
}
