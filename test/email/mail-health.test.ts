import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pino } from 'pino'
import type { EmailAddress } from '../../src/email/address.ts'
import { MailError, mailErrorOf } from '../../src/email/mail-error.ts'
import { MailHealth } from '../../src/email/mail-health.ts'

const HOUR = 3_600_000 // milliseconds

/** The health of a server that is reachable or not, on a clock that is set. */
function healthOf({ logger = pino({ level: 'silent' }) } = {}) {
  const server = { isReachable: true, refusal: undefined as MailError | undefined, asked: 0, now: 0 }
  const probe = async () => {
    server.asked += 1
    if (server.refusal) throw server.refusal
    if (!server.isReachable) throw new MailError('temporary', 'nobody listens')
  }
  const health = new MailHealth({ probe, logger, now: () => server.now })
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

  for (const [what, command, replyCode] of [
    ['connection', 'CONN', 421],
    ['sign-in', 'AUTH PLAIN', 454],
  ] as const)
    test(`takes a server that refuses one more ${what} for well for 10 seconds after it took a letter`, async () => {
      using world = healthOf()
      const { server, health } = world
      await health.check()
      const refusal = (enhancedCode: string) =>
        new MailError('temporary', 'refused', { replyCode, enhancedCode, command })
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

  test('takes a server that refuses the credentials for one in trouble, even right after it took a letter', async () => {
    using world = healthOf()
    const { server, health } = world
    await health.check()
    health.delivered()
    server.now = 1
    server.refusal = new MailError('refused', 'refused', {
      replyCode: 535,
      enhancedCode: '5.7.8',
      command: 'AUTH PLAIN',
    })
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

describe('what the mail server says of one letter', () => {
  const answers = {
    'a full mailbox': '552 5.2.2 mailbox full',
    'a policy': '550 5.7.1 denied',
    silence: undefined,
  }
  const errorOf = (response: string | undefined, to: string) =>
    response
      ? mailErrorOf({ message: response, response, responseCode: Number(response.slice(0, 3)), command: 'RCPT TO' }, to)
      : mailErrorOf({ message: 'Timeout', code: 'ETIMEDOUT', timeoutType: 'SOCKET_TIMEOUT', command: 'CONN' }, to)

  for (const [what, response] of Object.entries(answers)) {
    const refuse = (health: MailHealth, ...recipients: string[]) => {
      for (const to of recipients) health.failed(errorOf(response, to), to as EmailAddress)
    }

    test(`(${what}) says nothing of the server, however often, nor with an acceptance between`, async () => {
      using world = healthOf()
      await world.health.check()
      for (let time = 0; time < 20; time++) refuse(world.health, 'ann@a.example', 'ann@mail.a.example', 'bob@b.example')
      assert.equal(world.health.state, 'ok')
      world.health.delivered()
      refuse(world.health, 'cat@c.example')
      assert.equal(world.health.state, 'ok')
      await world.health.check()
    })

    test(`(${what}) is the server's fault when letters to three organizations met it, until one is taken`, async () => {
      using world = healthOf()
      await world.health.check()
      refuse(world.health, 'ann@a.example', 'bob@b.example', 'cat@c.example')
      assert.equal(world.health.state, 'degraded')
      await assert.rejects(world.health.check(), MailError)
      world.health.delivered()
      assert.equal(world.health.state, 'ok')
    })

    test(`(${what}) is no less its fault for a letter of another mailer that it took, until 3 hours after the last`, async () => {
      using world = healthOf()
      const { server, health } = world
      await health.check()
      refuse(health, 'ann@a.example', 'bob@b.example')
      health.deliveredByOther()
      server.now = HOUR
      refuse(health, 'cat@c.example')
      for (server.now = 2 * HOUR; server.now < 4 * HOUR; server.now += HOUR) {
        health.deliveredByOther()
        assert.equal(health.state, 'degraded')
      }
      health.deliveredByOther()
      assert.equal(health.state, 'ok')
    })

    test(`(${what}) is forgotten after 3 hours`, async () => {
      using world = healthOf()
      const { server, health } = world
      await health.check()
      refuse(health, 'ann@a.example', 'bob@b.example')
      server.now = 3 * HOUR
      refuse(health, 'cat@c.example', 'dan@d.example')
      assert.equal(health.state, 'ok')
      refuse(health, 'ann@a.example')
      assert.equal(health.state, 'degraded')
    })

    test(`(${what}) is the server's fault when letters to ten recipients of one organization met it`, async () => {
      using world = healthOf()
      await world.health.check()
      const recipients = Array.from({ length: 10 }, (_, n) => `user-${n}@a.example`)
      refuse(world.health, ...recipients.slice(1))
      assert.equal(world.health.state, 'ok')
      refuse(world.health, ...recipients)
      assert.equal(world.health.state, 'degraded')
    })
  }
})

describe('a letter of another mailer that the server took', () => {
  const refusal = new MailError('refused', 'refused', { replyCode: 550, command: 'MAIL FROM' })

  test('ends the trouble that it refused the sender', async () => {
    using world = healthOf()
    await world.health.check()
    world.health.failed(refusal)
    assert.equal(world.health.state, 'degraded')
    world.health.deliveredByOther()
    assert.equal(world.health.state, 'ok')
  })

  test('says nothing of connections that this one does not get', async () => {
    using world = healthOf()
    await world.health.check()
    world.health.failed(new MailError('temporary', 'refused', { replyCode: 421, command: 'CONN' }))
    world.health.deliveredByOther()
    assert.equal(world.health.state, 'degraded')
  })

  test('has trouble that comes and goes logged once a minute, and the state at its end', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const levels: string[] = []
    const logger = pino({ level: 'info' }, { write: line => void levels.push(JSON.parse(line).level) })
    using world = healthOf({ logger })
    await world.health.check()
    for (let count = 0; count < 20; count++) {
      world.health.failed(refusal)
      world.health.deliveredByOther()
    }
    assert.deepEqual(levels, [30, 50, 30])
    world.health.failed(refusal)
    t.mock.timers.tick(60_000)
    assert.deepEqual(levels, [30, 50, 30, 50])
  })
})
