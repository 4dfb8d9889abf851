import type { Config } from './config.ts'
import { createLogger } from './log.ts'
import { openStorage, type Storage } from './open-storage.ts'
import { allSigningKeys } from './tokens/signing-key-store.ts'
import { SigningKeys } from './tokens/signing-keys.ts'

type Print = (text: string) => void

/** Prints the keys that sign access tokens, the newest first. */
export async function listKeys(config: Config, print: Print): Promise<void> {
  await using storage = await openStorage(config, createLogger('warn'))
  await openKeys(config, storage)
  await printKeys(storage, print)
}

/** Lets the next key sign, and prints what holds from now on. Processes that run follow within a minute. */
export async function rotateKeys(config: Config, options: { dropCurrent: boolean }, print: Print): Promise<void> {
  await using storage = await openStorage(config, createLogger('warn'))
  const keys = await openKeys(config, storage)
  await keys.rotate(options)
  await printKeys(storage, print)
}

const openKeys = ({ signingAlgorithm, accessTokenTtl }: Config, { database, secretKeys }: Storage) =>
  SigningKeys.open({ database, sealing: secretKeys.for('sealing'), algorithm: signingAlgorithm, accessTokenTtl })

async function printKeys({ database }: Storage, print: Print): Promise<void> {
  for (const { id, algorithm, role, createdAt, signsFrom } of await allSigningKeys(database))
    print(
      [
        id,
        algorithm.padEnd(5),
        role.padEnd(8),
        `made ${createdAt.toISOString()}`,
        signsFrom ? `signs from ${signsFrom.toISOString()}` : 'waits for a rotation',
      ].join('  '),
    )
}
