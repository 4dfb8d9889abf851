import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { pino } from 'pino'
import { askRunningService } from '../../src/control-socket/client.ts'
import { listenForOperators } from '../../src/control-socket/server.ts'
import { socketPath } from '../../src/control-socket/socket-path.ts'
import { runCommand } from '../support/command.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { fillDataDirectory } from '../support/service.ts'

const NOBODY = 65_534

async function openServer(
  dataDirectory: string,
  perform: (operation: string, args: unknown) => Promise<unknown>,
  onMissedDeadline = () => {},
) {
  const { close } = await listenForOperators({
    onMissedDeadline,
    dataDirectory,
    perform,
    describe: error => ({ code: 'failed', needed: 'that it works', found: (error as Error).message, remedy: 'none' }),
    logger: pino({ level: 'silent' }),
  })
  return { [Symbol.asyncDispose]: close }
}

/** What the other side replies to these bytes. */
async function replyTo(dataDirectory: string, bytes: string, { ends = false } = {}): Promise<string> {
  const socket = connect({ path: socketPath(dataDirectory), allowHalfOpen: true })
  socket.on('error', () => {}) // the other side may close before it has read all
  if (ends) socket.end(bytes)
  else socket.write(bytes)
  return text(socket).catch(() => '')
}

describe('the control socket', () => {
  test('carries an operation with its arguments, and a result or an error back', async () => {
    await using directory = await emptyDirectory()
    await using _server = await openServer(directory.path, async (operation, args) => {
      if (operation === 'fail') throw new Error('it does not')
      return { operation, args }
    })
    const asked = await askRunningService(directory.path, 'do', { text: 'é\n' })
    assert.deepEqual(asked?.result, { operation: 'do', args: { text: 'é\n' } })
    assert.equal((await askRunningService(directory.path, 'fail', {}))?.error?.found, 'it does not')
  })

  test('is of its owner alone, and so is its folder, whatever the umask and whatever was there', async () => {
    await using directory = await emptyDirectory()
    mkdirSync(join(directory.path, 'control'), { mode: 0o777 })
    const umask = process.umask(0)
    try {
      await using _server = await openServer(directory.path, async () => 'secret')
      const path = socketPath(directory.path)
      assert.equal(statSync(path).mode & 0o777, 0o600)
      assert.equal(statSync(join(directory.path, 'control')).mode & 0o777, 0o700)
      if (process.getuid!() === 0) assert.equal(connectionAs(NOBODY, path), 'EACCES')
    } finally {
      process.umask(umask)
    }
  })

  test('refuses what it does not understand: other protocols, garbage, a message without end, an endless one', async () => {
    await using directory = await emptyDirectory()
    let performed = 0
    await using _server = await openServer(directory.path, async () => ++performed)
    const other = JSON.parse(await replyTo(directory.path, '{"protocol":2,"operation":"do"}\n'))
    assert.deepEqual([other.protocol, other.error.code], [1, 'protocol_unknown'])
    for (const message of ['null\n', '[]\n', '{"protocol":1}\n'])
      assert.equal(JSON.parse(await replyTo(directory.path, message)).error.code, 'protocol_unknown', message)
    assert.equal(JSON.parse(await replyTo(directory.path, 'garbage\n')).error.code, 'failed')
    assert.equal(JSON.parse(await replyTo(directory.path, '{"protocol":1', { ends: true })).error.code, 'failed')
    assert.match(JSON.parse(await replyTo(directory.path, 'x'.repeat(70_000))).error.found, /longer than 65536/)
    assert.equal(await replyTo(directory.path, ''), '', 'who sends nothing is disconnected')
    assert.equal(performed, 0)
    assert.equal((await askRunningService(directory.path, 'do', {}))?.result, 1, 'and it goes on')
  })

  test('lets a sender go that says nothing for five seconds, and tells so', async () => {
    await using directory = await emptyDirectory()
    let missed = 0
    await using _server = await openServer(
      directory.path,
      async () => {},
      () => void missed++,
    )
    assert.equal(await replyTo(directory.path, ''), '')
    assert.equal(missed, 1)
  })

  test('is told apart from no socket, one of a process that died, and one that cannot be', async () => {
    await using directory = await emptyDirectory()
    assert.equal(await askRunningService(directory.path, 'do', {}), undefined)
    const long = join(directory.path, 'x'.repeat(120))
    assert.throws(() => socketPath(long), /Needed: .*at most \d+ bytes[\s\S]*symbolic link/)
    await assert.rejects(
      openServer(long, async () => {}),
      /AUTH_DATA_DIR/,
    )
    const cwd = process.cwd()
    mkdirSync(long)
    process.chdir(long)
    try {
      await using _server = await openServer(long, async () => 'by a relative path')
      assert.equal((await askRunningService(long, 'do', {}))?.result, 'by a relative path')
    } finally {
      process.chdir(cwd)
    }
  })
})

describe('the service with the embedded database', () => {
  test('replaces the socket of one that was killed, and removes its own when it stops', async () => {
    await using directory = await emptyDirectory()
    await fillDataDirectory(directory.path)
    const service = { dataDirectory: directory.path, databaseUrl: undefined }
    const env = { AUTH_DATA_DIR: directory.path }
    await using killed = new ServiceProcess(env)
    await killed.started()
    await killed.kill()
    assert.ok(existsSync(join(directory.path, 'control/socket')))
    assert.equal((await runCommand(service, 'accounts', 'list')).code, 0, 'the command opens the database itself')
    await using running = new ServiceProcess(env)
    await running.started()
    assert.equal((await runCommand(service, 'keys', 'list')).rows.length, 2)
    await running.kill('SIGTERM')
    assert.deepEqual(readdirSync(join(directory.path, 'control')), [])
  })

  test('is reached by a command that comes while it starts', async () => {
    await using directory = await emptyDirectory()
    await fillDataDirectory(directory.path)
    rmSync(join(directory.path, 'lock.owner')) // of whoever filled it
    await using running = new ServiceProcess({ AUTH_DATA_DIR: directory.path })
    while (!existsSync(join(directory.path, 'lock.owner'))) await new Promise(setImmediate)
    const { code, stderr } = await runCommand({ dataDirectory: directory.path, databaseUrl: undefined }, 'keys', 'list')
    assert.equal(code, 0, stderr)
    await running.started()
  })

  test('starts where no socket can be, and says so', async () => {
    await using directory = await emptyDirectory()
    const long = join(directory.path, 'x'.repeat(120))
    await fillDataDirectory(long)
    const list = () => runCommand({ dataDirectory: long, databaseUrl: undefined }, 'keys', 'list')
    assert.equal((await list()).code, 0, 'while none runs, the command needs no socket')
    await using running = new ServiceProcess({ AUTH_DATA_DIR: long })
    await running.started()
    assert.match(running.output, /commands cannot reach this process/)
    const { code, error } = await list()
    assert.equal(code, 1)
    assert.match(error.remedy, /AUTH_DATA_DIR/)
  })
})

/** How connecting ends for another user. */
function connectionAs(uid: number, path: string): string {
  const script = `require('net').connect(process.argv[1]).on('error', e => console.log(e.code)).on('connect', () => { console.log('connected'); process.exit() })`
  const { stdout, error, stderr } = spawnSync(process.execPath, ['-e', script, path], {
    uid,
    gid: uid,
    encoding: 'utf8',
  })
  assert.equal(error, undefined, stderr)
  return stdout.trim()
}
