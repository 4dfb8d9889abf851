import assert from 'node:assert/strict'
import { once } from 'node:events'
import { open, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Alteration } from '../support/altered-source.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { fillDataDirectory, newAddress, PASSWORD, send } from '../support/service.ts'

const SMALL = { file: 'log.ts', find: 'MOST_WAITING = 1024 ** 2', replace: 'MOST_WAITING = 4_096' }

/** A service on the embedded database, whose standard output is read until it has started. */
async function startedService(alterations: Alteration[] = []) {
  await using opened = new AsyncDisposableStack()
  const directory = opened.use(await emptyDirectory())
  await fillDataDirectory(directory.path)
  const env = { AUTH_DATA_DIR: directory.path, AUTH_METRICS_LISTEN: '127.0.0.1:0' }
  const service = opened.use(new ServiceProcess(env, [], alterations))
  const url = await service.started()
  const [, metricsUrl] = await service.until(/Metrics +(\S+)/)
  const parts = opened.move()
  return { service, url, metricsUrl: metricsUrl!, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}

/** A service on the embedded database, each of whose writes to standard output fails as on a full disk. */
async function serviceWithFullLog() {
  await using opened = new AsyncDisposableStack()
  const directory = opened.use(await emptyDirectory())
  await fillDataDirectory(directory.path)
  const full = opened.use(await open('/dev/full', 'w'))
  const port = await freePort()
  const env = { AUTH_DATA_DIR: directory.path, AUTH_RATE_LIMITS: 'off', AUTH_PORT: String(port) }
  const service = opened.use(new ServiceProcess(env, [], [], 'node', full.fd))
  const url = `http://localhost:${port}`
  while (!(await isLive(url))) {
    assert.equal(service.child.exitCode, null, service.output)
    await pause(50)
  }
  const parts = opened.move()
  return { service, url, directory: directory.path, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

const isLive = (url: string) =>
  send(`${url}/livez`).then(
    ({ status }) => status === 200,
    () => false,
  )

async function droppedLines(metricsUrl: string): Promise<number> {
  const text = await (await fetch(metricsUrl)).text()
  return Number(/^auth_log_lines_dropped_total (\d+)$/m.exec(text)![1])
}

/** Sends requests until lines of the log are dropped. */
async function untilDropping(url: string, metricsUrl: string): Promise<void> {
  while ((await droppedLines(metricsUrl)) === 0)
    for (const { status } of await Promise.all(Array.from({ length: 50 }, () => send(`${url}/livez`))))
      assert.equal(status, 200)
}

describe('a log that cannot be written, as its disk is full,', () => {
  test('neither ends the service nor holds up its stop', async () => {
    await using full = await serviceWithFullLog()
    const { service, url } = full
    for (let count = 0; count < 20; count++) assert.equal((await send(`${url}/livez`)).status, 200)
    const { code, stderr } = await service.kill('SIGTERM')
    assert.deepEqual([code, stderr], [0, ''])
  })

  test('does not keep a failure that only a new start can mend from ending it', async () => {
    await using full = await serviceWithFullLog()
    const { service, url, directory } = full
    await rm(join(directory, 'database', 'pg_wal'), { recursive: true })
    while (service.child.exitCode === null)
      await send(`${url}/v1/accounts`, { json: { email: newAddress(), password: PASSWORD } }).catch(() => {})
    assert.equal((await service.ended()).code, 1)
  })
})

describe('a log whose reader hangs', () => {
  test('does not keep requests from being answered, nor a stop from ending', async () => {
    await using started = await startedService([SMALL])
    const { service, url, metricsUrl } = started
    service.child.stdout!.pause()
    await untilDropping(url, metricsUrl)
    service.child.kill('SIGTERM')
    const [code] = await once(service.child, 'exit') // its output ends when it is read
    assert.equal(code, 0)
  })

  test('tells how many lines were dropped when it is read again', async () => {
    await using started = await startedService([SMALL])
    const { service, url, metricsUrl } = started
    service.child.stdout!.pause()
    await untilDropping(url, metricsUrl)
    service.child.stdout!.resume()
    const [, lines] = await service.until(/"lines":(\d+),"msg":"log lines were dropped/)
    assert.equal(Number(lines), await droppedLines(metricsUrl))
    const { headers } = await send(`${url}/livez`)
    await service.until(new RegExp(headers.get('x-request-id')!))
  })
})

test('a log whose reader has ended neither ends the service nor holds up its stop', async () => {
  await using started = await startedService([SMALL])
  const { service, url, metricsUrl } = started
  service.child.stdout!.destroy()
  await untilDropping(url, metricsUrl)
  const { code } = await service.kill('SIGTERM')
  assert.equal(code, 0, service.output)
})
