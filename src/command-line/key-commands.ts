import type { Command } from 'commander'
import type { ResultOf } from '../admin/operations.ts'
import { Administration } from './administration.ts'
import type { CommandLine } from './command-line.ts'
import { byOption, jsonOption } from './options.ts'
import { jsonLines } from './output.ts'

/** `keys list` and `keys rotate`. */
export function keyCommands(program: Command, { streams }: CommandLine): void {
  const keys = program.command('keys').description('the keys that sign access tokens')
  const print = ({ keys }: ResultOf<'keys.list'>, json: boolean) =>
    void streams.stdout.write(json ? jsonLines(keys) : keys.map(lineOf).join(''))

  keys
    .command('list')
    .description('show the keys that sign access tokens')
    .addOption(jsonOption())
    .action(async ({ json }: { json: boolean }) => {
      await using administration = Administration.open()
      print(await administration.run('keys.list', {}), json)
    })

  keys
    .command('rotate')
    .description('let the next key sign; --now drops the keys before it, for one that leaked')
    .option('--now', 'at once, and drop every other key: access tokens that they signed are refused', false)
    .addOption(byOption())
    .addOption(jsonOption())
    .action(async ({ json, ...args }: { json: boolean; now: boolean; by: string }) => {
      await using administration = Administration.open()
      print(await administration.run('keys.rotate', args), json)
    })
}

function lineOf(key: ResultOf<'keys.list'>['keys'][number]): string {
  const hour = key.signs_from ? `signs from ${key.signs_from}` : 'waits for a rotation'
  return `${[key.id, key.algorithm.padEnd(5), key.role.padEnd(8), `made ${key.created_at}`, hour].join('  ')}\n`
}
