import type { Command } from 'commander'
import { type Config, readConfig } from '../config.ts'
import { createLogger } from '../log.ts'
import { openStorage, type Storage } from '../open-storage.ts'
import { allSigningKeys } from '../tokens/signing-key-store.ts'
import { SigningKeys } from '../tokens/signing-keys.ts'
import type { CommandLine } from './command-line.ts'

/** `keys list` and `keys rotate`. */
export function keyCommands(program: Command, { streams }: CommandLine): void {
  const keys = program.command('keys').description('the keys that sign access tokens')
  keys
    .command('list')
    .description('show the keys that sign access tokens')
    .option('--json', 'print a JSON object a line')
    .action(async ({ json = false }) => {
      const config = readConfig()
      await using storage = await openStorage(config, createLogger('warn'))
      await openKeys(config, storage)
      streams.stdout.write(await textOf(storage, json))
    })
  keys
    .command('rotate')
    .description('let the next key sign; --now drops the current one, for a key that leaked')
    .option('--now', 'drop the current key: access tokens that it signed are refused', false)
    .option('--json', 'print a JSON object a line')
    .action(async ({ now, json = false }: { now: boolean; json?: boolean }) => {
      const config = readConfig()
      await using storage = await openStorage(config, createLogger('warn'))
      await (await openKeys(config, storage)).rotate({ dropCurrent: now })
      streams.stdout.write(await textOf(storage, json))
    })
}
const openKeys = ({ signingAlgorithm, accessTokenTtl }: Config, { database, secretKeys }: Storage) =>
  SigningKeys.open({ database, sealing: secretKeys.for('sealing'), algorithm: signingAlgorithm, accessTokenTtl })

async function textOf({ database }: Storage, json: boolean): Promise<string> {
  const rows = await allSigningKeys(database)
  return rows
    .map(({ id, algorithm, role, createdAt, signsFrom }) =>
      json
        ? JSON.stringify({ id, algorithm, role, created_at: createdAt, signs_from: signsFrom })
        : [
            id,
            algorithm.padEnd(5),
            role.padEnd(8),
            `made ${createdAt.toISOString()}`,
            signsFrom ? `signs from ${signsFrom.toISOString()}` : 'waits for a rotation',
          ].join('  '),
    )
    .map(line => `${line}\n`)
    .join('')
}
