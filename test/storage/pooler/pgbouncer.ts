import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../../measuring/free-port.ts'
import { emptyDirectory } from '../../support/process.ts'

const NOBODY = 65_534 // PgBouncer refuses to run as root
const LONGEST_START = 10_000 // milliseconds

/** Whether the machine has PgBouncer. */
export const hasPgBouncer = (): boolean => spawnSync('pgbouncer', ['--version'], { env: ENVIRONMENT }).status === 0

const ENVIRONMENT = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` }

/** PgBouncer in transaction mode, each transaction on the next of three server sessions. */
export async function openPgBouncer(databaseUrl: string) {
  await using opened = new AsyncDisposableStack()
  const directory = opened.use(await emptyDirectory())
  await chmod(directory.path, 0o755)
  const { hostname, port: serverPort, username, password } = new URL(databaseUrl)
  const port = await freePort()
  const file = join(directory.path, 'pgbouncer.ini')
  const settings = [
    '[databases]',
    `* = host=${hostname} port=${serverPort} user=${username} password=${password}`,
    '[pgbouncer]',
    `listen_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =`,
    'auth_type = any\npool_mode = transaction\ndefault_pool_size = 3\nserver_round_robin = 1',
  ]
  await writeFile(file, `${settings.join('\n')}\n`)
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
  const child = spawn('pgbouncer', [file], { env: ENVIRONMENT, stdio: 'ignore', ...user })
  const ended = once(child, 'exit')
  opened.defer(async () => {
    child.kill('SIGKILL')
    await ended
  })
  for (const deadline = Date.now() + LONGEST_START; !(await listens(port)); await pause(20))
    if (Date.now() > deadline || child.exitCode !== null) throw new Error('PgBouncer did not start')
  const url = new URL(databaseUrl)
  url.port = String(port)
  const parts = opened.move()
  return { url: url.href, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
