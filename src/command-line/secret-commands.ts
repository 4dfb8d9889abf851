import type { Command } from 'commander'
import type { ResultOf } from '../admin/operations.ts'
import { Administration } from './administration.ts'
import type { CommandLine } from './command-line.ts'
import { jsonOption } from './options.ts'
import { jsonLines } from './output.ts'

/** `secrets status`. */
export function secretCommands(program: Command, { streams }: CommandLine): void {
  const secrets = program.command('secrets').description('the keys in AUTH_SECRET_KEY')
  secrets
    .command('status')
    .description('show what each key of AUTH_SECRET_KEY is still needed for')
    .addOption(jsonOption())
    .action(async ({ json }: { json: boolean }) => {
      await using administration = Administration.open()
      const { keys } = await administration.run('secrets.status', {})
      streams.stdout.write(json ? jsonLines(keys) : keys.map(inWords).join(''))
    })
}

function inWords(key: ResultOf<'secrets.status'>['keys'][number]): string {
  const needs = key.needed_by.map(({ what, rows }) => `${rows} ${what}`).join(', ') || 'nothing that is counted'
  const times = [
    `first seen ${key.first_seen_at}`,
    key.last_made_at ? `last made ${key.last_made_at}` : 'has made nothing',
    ...(key.retired_at ? [`retired from ${key.retired_at}`] : []),
  ]
  return `${key.id}  ${key.role.padEnd(7)}  ${times.join('  ')}\n  needed by: ${needs}\n  next: ${key.next}\n`
}
