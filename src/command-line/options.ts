import { userInfo } from 'node:os'
import { type Command, InvalidArgumentError, Option } from 'commander'

/** `--json`, for programs: one JSON object, or one a line of a list. */
export const jsonOption = () => new Option('--json', 'print JSON, for programs').default(false)

/** `--by`, for whatever changes something. */
export const byOption = () =>
  new Option('--by <name>', 'who asks for it, for the audit events').default(loginName(), 'the login name')

/** `--limit` and `--after`, for lists. */
export function addPaging(command: Command): Command {
  return command
    .addOption(limitOption(50))
    .option('--after <id>', 'continue behind this one, the last that was printed')
}

export const limitOption = (byDefault: number) =>
  new Option('--limit <n>', 'print at most this many, up to 1000').argParser(parseCount).default(byDefault)

export type Paging = { limit: number; after?: string }

function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('it is not a number.')
  return Number(text)
}

function loginName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.()}` // as in a container whose user has no name
  }
}
