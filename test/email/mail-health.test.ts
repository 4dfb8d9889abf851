import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pino } from 'pino'
import { MailError } from '../../src/email/mail-error.ts'
import { MailHealth } from '../../src/email/mail-health.ts'

/** The health of a server that is reachable or not, on a clock that is set. */
function healthOf() {
  const server = { isReachable: true, refusal: undefined as MailError | undefined, asked: 0, now: 0 }
  const probe = async () => {
    server.asked += 1
    if (server.refusal) throw server.refusal
    if (!server.isReachable) throw new MailError('temporary', 'nobody listens')
  }
  const health = new MailHealth({ probe, logger: pino({ level: 'silent' }), now: () => server.now })
  return { server, health, [Symbol.dispose]: () => health.stop() }
}

describe('checking that the mail server takes letters', () => {
  test('waits for the first answer, and asks once for all who check meanwhile', async () => {
    using world = healthOf()
    await Promise.all([world.health.check(), world.health.check()])
    assert.equal(world.server.asked, 1)
  })

  test('asks again at each check, as the server may have gone away a moment ago, and believes what it hears', async () => {
    using world = healthOf()
    const { server, health } = world
    await health.check()
    server.isReachable = false
    server.now = 1
    await assert.rejects(health.check(), MailError)
    assert.deepEqual([server.asked, health.state], [2, 'degraded'])
    await assert.rejects(health.check(), MailError)
    assert.equal(server.asked, 2, 'while it is in trouble, it is asked at its own times')
    health.delivered()
    await health.check()
    assert.equal(server.asked, 2, 'it took an email at this very moment')
  })

  test('takes a server that refuses one more connection for well for 10 seconds after it took a letter', async () => {
    using world = healthOf()
    const { server, health } = world
    await health.check()
    const refusal = (enhancedCode: string) =>
      new MailError('temporary', 'refused', { replyCode: 421, enhancedCode, command: 'CONN' })
    health.delivered()
    server.refusal = refusal('4.7.0')
    server.now = 10_000
    await health.check()
    assert.deepEqual([server.asked, health.state], [2, 'ok'])
    server.now = 10_001
    await assert.rejects(health.check(), MailError)
    server.now = 10_002
    health.delivered()
    server.now = 10_003
    server.refusal = refusal('4.3.2') // it shuts down
    await assert.rejects(health.check(), MailError)
  })

  test('does not believe a probe that began before', async () => {
    using world = healthOf()
    const { server, health } = world
    const first = health.check()
    server.now = 1
    const second = health.check()
    server.isReachable = false
    await first
    await assert.rejects(second, MailError)
    assert.equal(server.asked, 2)
  })
})
