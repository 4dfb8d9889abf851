/**
 * A process that owns one PostgreSQL server: it makes the data folder, starts and restarts the server, and ends it and
 * removes the folder when asked to or when its parent is gone, however that ended.
 *
 * Started by `startPostgres`, with the programs as JSON in its first argument. It speaks over Node's channel.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  accessSync,
  chownSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PostgresBinaries } from './postgres-binaries.ts'
import { chooseLaunch, ENVIRONMENT, type Launch, runToEnd } from './postgres-launch.ts'

/** What the parent may ask: to end the server and start it again, or to end it for good. */
export type GuardRequest = { restart: 'fast' | 'immediate'; as?: 'standby' } | { stop: true }
/** The answer to the start and to each restart. To `stop` the answer is that this process ends. */
export type GuardAnswer = { url: string } | { fault: string }

const START_TIMEOUT = 60_000 // ms
const STOP_TIMEOUT = 30_000 // ms
const ENOUGH_MEMORY = 4 * 2 ** 30 // bytes; a test run needs less than 1 GiB

const binaries: PostgresBinaries = JSON.parse(process.argv[2] ?? '')
const folders: string[] = []
const folder = temporaryFolder(fastestParent())
const data = join(folder, 'data')
const log = join(folder, 'log')
const password = randomBytes(12).toString('hex')

let launch: Launch
let server: ChildProcess | undefined
let port = 0
let isEnding = false

process.on('disconnect', end)
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end)
process.on('message', async (request: GuardRequest) => {
  if ('stop' in request) return end()
  await answer(async () => {
    await stop(request.restart === 'fast' ? 'SIGINT' : 'SIGQUIT')
    if (request.as === 'standby') becomeStandby()
    await start()
  })
})
if (!process.connected) await end()
await answer(async () => {
  launch = chooseLaunch(binaries, folder, temporaryFolder)
  initialise()
  for (let attempt = 1; ; attempt += 1) {
    port = await freePort()
    try {
      return await start()
    } catch (error) {
      if (attempt === 5 || !logTail().includes('Address already in use')) throw error
    }
  }
})

async function answer(work: () => Promise<void>): Promise<void> {
  try {
    await work()
    tell({ url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres` })
  } catch (error) {
    tell({ fault: error instanceof Error ? error.message : String(error) })
  }
}

function tell(message: GuardAnswer): void {
  if (process.connected) process.send?.(message)
}

async function end(): Promise<void> {
  if (isEnding) return
  isEnding = true
  await stop('SIGINT')
  for (const made of folders) rmSync(made, { recursive: true, force: true, maxRetries: 5 })
  process.exit()
}

function temporaryFolder(parent: string): string {
  const made = mkdtempSync(join(parent, 'auth-postgres-'))
  folders.push(made)
  return made
}

/** A database is some 300 files: in memory a copy takes 10 ms, on a disk it can take 250. */
function fastestParent(): string {
  const memory = '/dev/shm'
  try {
    const { bavail, bsize } = statfsSync(memory)
    accessSync(memory, constants.W_OK)
    if (!process.env.TMPDIR && bavail * bsize >= ENOUGH_MEMORY) return memory
  } catch {
    // no such file system here
  }
  return tmpdir()
}

function initialise(): void {
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (launch.user) chownSync(passwordFile, launch.user.uid, launch.user.gid)
  const locale =
    binaries.major >= 17
      ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
      : [`--locale=${process.platform === 'linux' ? 'C.UTF-8' : 'C'}`]
  const complaint = runToEnd(launch, 'initdb', [
    ...['--pgdata', data, '--username=postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'],
    ...['--encoding=UTF8', '--no-sync', ...locale],
  ])
  if (complaint !== undefined) throw new Error(`PostgreSQL's initdb in ${launch.bin} failed: ${complaint}`)
}

/** It follows no primary, but accepts no writes until it is promoted (`pg_promote()`), which removes the file. */
function becomeStandby(): void {
  const file = join(data, 'standby.signal')
  writeFileSync(file, '')
  if (launch.user) chownSync(file, launch.user.uid, launch.user.gid)
}

async function start(): Promise<void> {
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 300,
    fsync: 'off', // the data outlives the server process, and need not outlive the machine
    full_page_writes: 'off',
    max_wal_size: '256MB',
  }
  const [command = '', ...args] = [
    ...[...launch.before, join(launch.bin, 'postgres'), '-D', data],
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]
  const output = openSync(log, 'a')
  const started = spawn(command, args, {
    cwd: folder,
    env: ENVIRONMENT,
    stdio: ['ignore', output, output],
    ...launch.user,
  })
  server = started
  const deadline = Date.now() + START_TIMEOUT
  while (!isReady(started)) {
    if (started.exitCode !== null || started.signalCode !== null || Date.now() > deadline)
      throw new Error(`PostgreSQL in ${launch.bin} did not start. The end of its log:\n${logTail()}`)
    await sleep(10)
  }
}

/** As `pg_ctl --wait` does it: the first line of postmaster.pid is the process, the eighth its state. */
function isReady({ pid }: ChildProcess): boolean {
  const file = join(data, 'postmaster.pid')
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  return Number(lines[0]) === pid && ['ready', 'standby'].includes(lines[7]?.trim() ?? '')
}

async function stop(signal: 'SIGINT' | 'SIGQUIT'): Promise<void> {
  const stopping = server
  server = undefined
  if (!stopping || stopping.exitCode !== null || stopping.signalCode !== null) return
  const ended = once(stopping, 'exit')
  stopping.kill(signal)
  const impatience = setTimeout(() => stopping.kill('SIGQUIT'), STOP_TIMEOUT)
  await ended
  clearTimeout(impatience)
}

function logTail(): string {
  return existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').slice(-20).join('\n') : ''
}

/**
 * A port below those that systems hand out for outgoing connections: those could be taken while the server restarts,
 * even by the client that tries to reach it.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const candidate = 10_240 + Math.floor(Math.random() * 20_000)
    const probe = createServer().listen(candidate, '127.0.0.1')
    const [outcome] = await Promise.race([once(probe, 'listening'), once(probe, 'error')]).catch(error => [error])
    probe.close()
    if (outcome === undefined) return candidate
  }
}
