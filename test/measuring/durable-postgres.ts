import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chownSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { findPostgresBinaries } from '../support/postgres-binaries.ts'
import { chooseLaunch, ENVIRONMENT, type Launch, runToEnd } from '../support/postgres-launch.ts'
import { diskDirectory } from './directory.ts'
import { freePort } from './free-port.ts'
import { opening } from './opened.ts'

const START_TIMEOUT = 60_000 // milliseconds
const DURABLE = ['fsync', 'full_page_writes', 'synchronous_commit'] as const

export type DurablePostgres = AsyncDisposable & {
  /** The maintenance database, as a user who may create databases. */
  url: string
  version: string
}

/**
 * Starts PostgreSQL on 127.0.0.1 with its own defaults and its data on a disk. The one of the tests does not serve to
 * measure: it syncs nothing, by arguments that no later setting overrules, and keeps its data in memory.
 *
 * @throws when it does not start, or would not sync what it commits
 */
export async function startDurablePostgres(): Promise<DurablePostgres> {
  const folders: string[] = []
  const newFolder = (parent: string) => {
    const folder = mkdtempSync(join(parent, 'auth-measured-'))
    folders.push(folder)
    return folder
  }
  let server: ChildProcess | undefined
  const closing = opening(async () => {
    if (server) await end(server)
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })

  const folder = newFolder(diskDirectory())
  const launch = chooseLaunch(findPostgresBinaries(), folder, newFolder)
  const password = randomBytes(12).toString('hex')
  initialise(launch, folder, password)
  const port = await freePort()
  server = start(launch, folder, port)
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
  return { url, version: await checkedVersion(url, server, join(folder, 'log')), ...closing }
}

function initialise(launch: Launch, folder: string, password: string): void {
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (launch.user) chownSync(passwordFile, launch.user.uid, launch.user.gid)
  const complaint = runToEnd(launch, 'initdb', [
    ...['--pgdata', join(folder, 'data'), '--username=postgres', `--pwfile=${passwordFile}`],
    ...['--auth=scram-sha-256', '--encoding=UTF8', '--locale=C'],
  ])
  if (complaint !== undefined) throw new Error(`PostgreSQL's initdb in ${launch.bin} failed: ${complaint}`)
}

function start(launch: Launch, folder: string, port: number): ChildProcess {
  const settings = { listen_addresses: '127.0.0.1', port, unix_socket_directories: '' }
  const [command = '', ...args] = [
    ...[...launch.before, join(launch.bin, 'postgres'), '-D', join(folder, 'data')],
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]
  const log = openSync(join(folder, 'log'), 'a')
  const server = spawn(command, args, {
    cwd: folder,
    env: ENVIRONMENT,
    detached: true, // Ctrl-C reaches the services first, which need it until they have stopped
    stdio: ['ignore', log, log],
    ...launch.user,
  })
  closeSync(log)
  return server
}

/** Waits until it answers. @returns its version */
async function checkedVersion(url: string, server: ChildProcess, log: string): Promise<string> {
  for (const deadline = Date.now() + START_TIMEOUT; ; await pause(50)) {
    const client = new pg.Client({ connectionString: url })
    try {
      await client.connect()
    } catch (error) {
      if (isRunning(server) && Date.now() < deadline) continue
      throw new Error(`PostgreSQL did not start. Its log:\n${readFileSync(log, 'utf8')}`, { cause: error })
    }
    try {
      for (const setting of DURABLE) {
        const value = await shown(client, setting)
        if (value !== 'on') throw new Error(`Measuring needs PostgreSQL with ${setting} on. Found: ${value}.`)
      }
      return await shown(client, 'server_version')
    } finally {
      await client.end()
    }
  }
}

async function shown(client: pg.Client, setting: string): Promise<string> {
  const { rows } = await client.query('select current_setting($1) as value', [setting])
  return rows[0].value
}

async function end(server: ChildProcess): Promise<void> {
  if (!isRunning(server)) return
  const ended = once(server, 'exit')
  server.kill('SIGINT') // ends the sessions too
  await ended
}

const isRunning = ({ exitCode, signalCode }: ChildProcess) => exitCode === null && signalCode === null
