import type { Command } from 'commander'
import type { EventFacts } from '../admin/events.ts'
import { Administration } from './administration.ts'
import type { CommandLine } from './command-line.ts'
import { addPaging, jsonOption, limitOption, type Paging } from './options.ts'
import { jsonLines, table } from './output.ts'

type Filter = { account?: string; type?: string; network?: string; operators: boolean; since?: string }

const COLUMNS = ['at', 'type', 'email', 'network', 'session_id', 'factor', 'reason', 'operator', 'count'] as const

/** `events list` and `events count`. */
export function eventCommands(program: Command, { streams }: CommandLine): void {
  const events = program.command('events').description('audit events: who did what, when, and from where')
  const print = (text: string) => void streams.stdout.write(text)

  addFilter(addPaging(events.command('list')))
    .description('list audit events, latest first')
    .addOption(jsonOption())
    .action(async ({ json, ...filter }: { json: boolean } & Filter & Paging) => {
      await using administration = Administration.open()
      const page = await administration.run('events.list', filter)
      if (json) return print(jsonLines(page.events))
      print(table(page.events, COLUMNS.filter(isUsedIn(page.events)), 'No events.'))
      if (page.more) print(`There are more: --after ${page.events.at(-1)!.id}\n`)
    })

  addFilter(events.command('count').addOption(limitOption(20)))
    .description('count audit events by email address, network or type, most first')
    .requiredOption('--by <what>', 'email, network or type')
    .option('--after <id>', 'continue behind this event, which the command before named')
    .addOption(jsonOption())
    .action(async ({ json, ...args }: { json: boolean; by: string } & Filter & Paging) => {
      await using administration = Administration.open()
      const { counts, earlier } = await administration.run('events.count', args)
      if (json) return print(jsonLines([...counts, ...(earlier ? [earlier] : [])]))
      print(table(counts, Object.keys(counts[0] ?? {}), 'No events.'))
      if (earlier) print(`Counted back to ${earlier.counted_back_to}. Earlier events: --after ${earlier.after}\n`)
    })
}

function addFilter(command: Command): Command {
  return command
    .option('--account <account>', 'only events of this account, by its id or its email address')
    .option('--type <types>', 'only events of these types, separated by commas, such as sign_in.failed')
    .option('--network <address>', 'only events from this IP address, or from the /64 of an IPv6 address')
    .option('--operators', 'only what operators did', false)
    .option('--since <when>', 'only events since then: 2h, 1d, 2026-01-31 or 2026-01-31T09:30Z')
}

/** Whether a column says something of any of the events. */
const isUsedIn = (events: readonly EventFacts[]) => (column: (typeof COLUMNS)[number]) =>
  events.some(event => event[column] !== null && !(column === 'count' && event.count === 1))
