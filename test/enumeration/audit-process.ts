import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Alteration } from '../support/altered-source.ts'
import { createTestDatabase, type DatabaseKind } from '../support/database.ts'
import { type Ended, emptyDirectory, ServiceProcess } from '../support/process.ts'
import { fillDataDirectory, SECRET_KEY } from '../support/service.ts'

/** The command against a service of its own, which may be broken on purpose. */
export async function auditOf(
  kind: DatabaseKind,
  alterations: Alteration[] = [],
  args = ['--no-latency'],
): Promise<Ended> {
  await using opened = new AsyncDisposableStack()
  const directory = opened.use(await emptyDirectory())
  const database = kind === 'PostgreSQL' ? opened.use(await createTestDatabase()) : undefined
  if (!database) await fillDataDirectory(directory.path)
  const env = {
    AUTH_DATA_DIR: directory.path,
    AUTH_RATE_LIMITS: 'off',
    ...(database && { AUTH_DATABASE_URL: database.url, AUTH_SECRET_KEY: SECRET_KEY }),
  }
  const service = opened.use(new ServiceProcess(env, [], alterations))
  return await run('--url', await service.started(), ...args)
}

/** The command alone. */
export async function run(...args: string[]): Promise<Ended> {
  await using command = new ServiceProcess({}, ['audit', 'enumeration', ...args])
  return await command.ended()
}

/** The command with something on its standard input. */
export async function runWithInput(input: string, ...args: string[]): Promise<Omit<Ended, 'signal'>> {
  const main = join(import.meta.dirname, '../../src/main.ts')
  const command = spawn(process.execPath, [main, 'audit', 'enumeration', ...args], { env: { PATH: process.env.PATH } })
  command.stdin.end(input)
  const [stdout, stderr, [code]] = await Promise.all([
    text(command.stdout),
    text(command.stderr),
    once(command, 'exit'),
  ])
  return { code, stdout, stderr }
}
