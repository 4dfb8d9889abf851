import type { Command } from 'commander'
import { Administration } from './administration.ts'
import type { CommandLine } from './command-line.ts'
import { confirm } from './confirm.ts'
import { addPaging, byOption, jsonOption, type Paging } from './options.ts'
import { facts, jsonLines, table } from './output.ts'

const ACCOUNT = 'its id or its email address'

/** `accounts list`, `show`, `disable`, `enable`, `delete` and `unblock`. */
export function accountCommands(program: Command, { streams }: CommandLine): void {
  const accounts = program.command('accounts').description('the accounts of the users')
  const print = (text: string) => void streams.stdout.write(text)

  addPaging(accounts.command('list'))
    .description('show accounts, the newest first')
    .option('--status <status>', 'only those that are unconfirmed, active or disabled')
    .option('--email <email>', 'only those of this email address')
    .addOption(jsonOption())
    .action(async ({ json, ...filter }: { json: boolean; status?: string; email?: string } & Paging) => {
      await using administration = Administration.open()
      const page = await administration.run('accounts.list', filter)
      if (json) return print(jsonLines(page.accounts))
      print(table(page.accounts, ['id', 'email', 'status', 'created_at'], 'No accounts.'))
      if (page.more) print(`There are more: --after ${page.accounts.at(-1)!.id}\n`)
    })

  accounts
    .command('show')
    .description('show an account, or those of an email address, the confirmed one first')
    .argument('<account>', ACCOUNT)
    .addOption(jsonOption())
    .action(async (account: string, { json }: { json: boolean }) => {
      await using administration = Administration.open()
      const { accounts } = await administration.run('accounts.show', { account })
      print(json ? jsonLines(accounts) : accounts.map(facts).join('\n'))
    })

  accounts
    .command('disable')
    .description('disable an account and end its sessions')
    .argument('<account>', ACCOUNT)
    .addOption(byOption())
    .addOption(jsonOption())
    .action(async (account: string, { by, json }: { by: string; json: boolean }) => {
      await using administration = Administration.open()
      const result = await administration.run('accounts.disable', { account, by })
      const done = result.changed ? 'Disabled' : 'It was disabled before:'
      print(json ? jsonLines([result]) : `${done} ${result.id} (${result.email}).\n`)
    })

  accounts
    .command('enable')
    .description('let a disabled account sign in again')
    .argument('<account>', ACCOUNT)
    .addOption(byOption())
    .addOption(jsonOption())
    .action(async (account: string, { by, json }: { by: string; json: boolean }) => {
      await using administration = Administration.open()
      const result = await administration.run('accounts.enable', { account, by })
      const done = result.changed ? 'Enabled' : 'It was active before:'
      print(json ? jsonLines([result]) : `${done} ${result.id} (${result.email}).\n`)
    })

  accounts
    .command('delete')
    .description('delete an account with its sessions; its audit events stay')
    .argument('<account>', ACCOUNT)
    .option('--yes', 'without asking', false)
    .addOption(byOption())
    .addOption(jsonOption())
    .action(async (account: string, { by, yes, json }: { by: string; yes: boolean; json: boolean }) => {
      if (!yes) await confirm(`Delete the account ${account}?`, streams)
      await using administration = Administration.open()
      const result = await administration.run('accounts.delete', { account, by })
      print(json ? jsonLines([result]) : `Deleted ${result.id} (${result.email}).\n`)
    })

  accounts
    .command('unblock')
    .description('forget the failed sign-ins that keep the owner out')
    .argument('<account>', ACCOUNT)
    .addOption(byOption())
    .addOption(jsonOption())
    .action(async (account: string, { by, json }: { by: string; json: boolean }) => {
      await using administration = Administration.open()
      const result = await administration.run('accounts.unblock', { account, by })
      print(json ? jsonLines([result]) : `Unblocked ${result.id} (${result.email}).\n`)
    })
}
