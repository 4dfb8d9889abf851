import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { DEADLINES } from '../../src/missed-deadlines.ts'
import type { Alteration } from '../support/altered-source.ts'
import { missedDeadlines, readiness } from '../support/metrics.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { fillDataDirectory } from '../support/service.ts'
import { openSmtpSink } from '../support/smtp-sink.ts'

const SMTP_CLIENT = 'email/smtp-connection.ts'

describe('metrics count a mail server', () => {
  test('that does not greet, and tell every deadline that could be missed', async () => {
    await using sink = await openSmtpSink({ replies: { connect: 'silence' } })
    const sooner = { file: SMTP_CLIENT, find: 'greetingTimeout: 10_000', replace: 'greetingTimeout: 200' }
    await using started = await startWithMailServer(sink.port, sooner)
    const missed = await started.untilMissed('smtp')
    assert.deepEqual([...missed.keys()], [...DEADLINES])
    assert.equal(missed.get('database_query'), 0, 'which tells nothing of the database')
  })

  test('whose answer never ends, though it is never silent', async () => {
    await using server = await openTricklingServer()
    const sooner = { file: SMTP_CLIENT, find: 'LONGEST_PROBE = 50_000', replace: 'LONGEST_PROBE = 500' }
    await using started = await startWithMailServer(server.port, sooner)
    await started.untilMissed('smtp')
    assert.equal((await started.ready()).mail, 'degraded')
    server.answer()
    for (const deadline = Date.now() + 60_000; (await started.ready()).mail !== 'ok'; await pause(50))
      assert.ok(Date.now() < deadline, 'the next probe did not find the server well')
  })
})

async function startWithMailServer(port: number, alteration: Alteration) {
  await using opened = new AsyncDisposableStack()
  const directory = opened.use(await emptyDirectory())
  await fillDataDirectory(directory.path)
  const env = {
    AUTH_DATA_DIR: directory.path,
    AUTH_SMTP_URL: `smtp://127.0.0.1:${port}`,
    AUTH_METRICS_LISTEN: '127.0.0.1:0',
  }
  const service = opened.use(new ServiceProcess(env, [], [alteration]))
  const [, metricsUrl] = await service.until(/Metrics +(\S+)/)
  const parts = opened.move()
  return {
    async untilMissed(what: string) {
      for (const deadline = Date.now() + 60_000; ; await pause(50)) {
        const missed = await missedDeadlines(metricsUrl!)
        if (missed.get(what)! > 0) return missed
        assert.ok(Date.now() < deadline, 'it was never counted')
      }
    },
    ready: () => readiness(metricsUrl!),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** A mail server that adds a line to its answer again and again, until it is told to answer as one does. */
async function openTricklingServer() {
  let isWell = false
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.write('220 sink\r\n')
    socket.on('data', () => {
      if (isWell) return void socket.write('250 sink\r\n')
      const trickle = setInterval(() => socket.write('250-x\r\n'), 50)
      socket.once('close', () => clearInterval(trickle))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    answer() {
      isWell = true
    },
    [Symbol.asyncDispose]: async () => void server.close(),
  }
}
