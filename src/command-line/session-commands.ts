import type { Command } from 'commander'
import { Administration } from './administration.ts'
import { type CommandLine, WrongUsage } from './command-line.ts'
import { addPaging, byOption, jsonOption, type Paging } from './options.ts'
import { count, jsonLines, table } from './output.ts'

/** `sessions list` and `sessions end`. */
export function sessionCommands(program: Command, { streams }: CommandLine): void {
  const sessions = program.command('sessions').description('the sessions of the users')
  const print = (text: string) => void streams.stdout.write(text)

  addPaging(sessions.command('list'))
    .description('show sessions that live, the newest first')
    .option('--account <account>', 'only those of one account, by its id or its email address')
    .option('--ended', 'those that have ended as well', false)
    .addOption(jsonOption())
    .action(async ({ json, ...filter }: { json: boolean; account?: string; ended: boolean } & Paging) => {
      await using administration = Administration.open()
      const page = await administration.run('sessions.list', filter)
      if (json) return print(jsonLines(page.sessions))
      const columns = ['id', 'account_id', 'created_at', 'refreshed_at', 'expires_at']
      print(table(page.sessions, filter.ended ? [...columns, 'ended_at', 'end_reason'] : columns, 'No sessions.'))
      if (page.more) print(`There are more: --after ${page.sessions.at(-1)!.id}\n`)
    })

  sessions
    .command('end')
    .description('end one session, all of an account, or all of everyone')
    .argument('[session]', 'its id')
    .option('--account <account>', 'all of one account, by its id or its email address')
    .option('--everyone', 'all of all accounts', false)
    .addOption(byOption())
    .addOption(jsonOption())
    .action(async (session: string | undefined, { json, by, ...options }: EndOptions) => {
      const target = targetOf(session, options)
      await using administration = Administration.open()
      const ended = await endSessions(administration, target, by)
      print(json ? jsonLines([{ ended }]) : `Ended ${count(ended, 'session')}.\n`)
    })
}

type EndOptions = { account?: string; everyone: boolean; by: string; json: boolean }
type Target = { session: string } | { account: string } | 'everyone'

function targetOf(
  session: string | undefined,
  { account, everyone }: Pick<EndOptions, 'account' | 'everyone'>,
): Target {
  const targets: Target[] = [
    ...(session !== undefined ? [{ session }] : []),
    ...(account !== undefined ? [{ account }] : []),
    ...(everyone ? ['everyone' as const] : []),
  ]
  if (targets.length === 1) return targets[0]!
  throw new WrongUsage({
    needed: 'the id of a session, or --account, or --everyone',
    found: targets.length === 0 ? 'none of them' : `${targets.length} of them`,
    remedy: 'auth-service sessions end --help tells what each ends',
  })
}

async function endSessions(administration: Administration, target: Target, by: string): Promise<number> {
  if (target !== 'everyone') {
    const result =
      'session' in target
        ? await administration.run('sessions.end', { ...target, by })
        : await administration.run('sessions.end_of_account', { ...target, by })
    return result.ended
  }
  let total = 0
  let after: string | undefined
  for (;;) {
    const some = await administration.run('sessions.end_of_everyone', { by, ...(after !== undefined && { after }) })
    total += some.ended
    if (some.after === null) return total
    after = some.after
  }
}
