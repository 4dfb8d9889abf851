import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { DEADLINES } from '../../src/missed-deadlines.ts'
import { missedDeadlines } from '../support/metrics.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { fillDataDirectory } from '../support/service.ts'
import { openSmtpSink } from '../support/smtp-sink.ts'

const SOONER = { file: 'email/smtp-connection.ts', find: 'greetingTimeout: 10_000', replace: 'greetingTimeout: 200' }

test('metrics count a mail server that does not greet, and tell every deadline that could be missed', async () => {
  await using sink = await openSmtpSink({ replies: { connect: 'silence' } })
  await using directory = await emptyDirectory()
  await fillDataDirectory(directory.path)
  const env = {
    AUTH_DATA_DIR: directory.path,
    AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
    AUTH_METRICS_LISTEN: '127.0.0.1:0',
  }
  await using service = new ServiceProcess(env, [], [SOONER])
  const [, metricsUrl] = await service.until(/Metrics +(\S+)/)
  const missed = () => missedDeadlines(metricsUrl!)
  assert.deepEqual([...(await missed()).keys()], [...DEADLINES])
  for (const deadline = Date.now() + 30_000; (await missed()).get('smtp') === 0; await pause(50))
    assert.ok(Date.now() < deadline, 'it was never counted')
  assert.equal((await missed()).get('database_query'), 0, 'which tells nothing of the database')
})
