import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { LIMITS } from '../../src/limits/limits.ts'
import { DATABASES } from '../support/database.ts'
import { confirmedAtOnce } from '../support/genuine-secrets.ts'
import { readiness } from '../support/metrics.ts'
import { newAddress, type SignedUp, send, signUp, startTestService, type TestService } from '../support/service.ts'
import { settled } from '../support/settled.ts'
import { lettersIn } from '../support/sink-letters.ts'
import { openSmtpSink, type SmtpSink, type SmtpSinkOptions } from '../support/smtp-sink.ts'

const AT_ONCE = 5 // emails, before anything is known of the mail server
const IN_HAND = 2 * AT_ONCE // messages of one queue, at that time
const AN_HOUR = 5 // letters of sign-ups to one address
const BY_ADDRESS = LIMITS.letter_by_mailbox.burst
const NOBODYS = 'x'.repeat(2_000) // too long for a password, and so refused without being hashed

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 30_000; !(await holds()); await pause(20)) assert.ok(Date.now() < deadline, what)
}

const stateOf = async ({ url }: TestService, { ticket }: SignedUp): Promise<string> =>
  (await send(`${url}/v1/confirmation`, { headers: { authorization: `Bearer ${ticket}` } })).body.state

const times = <T>(count: number, make: () => Promise<T>) => Promise.all(Array.from({ length: count }, make))

/** What sends emails to an owner that no ticket shows, as often as the limits permit. */
const CAUSES = {
  'that are asked for by address': async ({ url }: TestService, email: string) => {
    await times(BY_ADDRESS, () => send(`${url}/v1/confirmation-letters`, { json: { email } }))
  },
  'with device links': async ({ url }: TestService, email: string) => {
    for (let count = 0; count <= LIMITS.sign_in_by_address_and_network.burst; count++)
      await send(`${url}/v1/sessions`, { json: { email, password: NOBODYS } })
  },
}

for (const kind of DATABASES)
  describe(`emails that only an owner of an account gets, on ${kind}`, { concurrency: 2 }, () => {
    const serviceBehind = (sink: SmtpSink) =>
      startTestService(kind, {
        env: { AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`, AUTH_METRICS_LISTEN: '127.0.0.1:0' },
      })

    for (const [what, ask] of Object.entries(CAUSES))
      test(`[R01] those ${what} take no place of the emails of tickets`, async () => {
        const taken = Promise.withResolvers<void>()
        const owners = new Set<string>()
        const untilTaken: SmtpSinkOptions['untilTaken'] = async ({ to }) => {
          if (owners.has(to[0]!)) await taken.promise
        }
        await using sink = await openSmtpSink({ untilTaken })
        await using service = await serviceBehind(sink)
        const strangers = await times(AT_ONCE, () => signUp(service))
        const accounts = await times(IN_HAND, () => confirmedAtOnce(service))
        await settled(service)
        for (const { email } of accounts) owners.add(email)
        await Promise.all(accounts.map(({ email }) => ask(service, email)))
        await until('the emails of owners have the places that they get', () => sink.inHand === AT_ONCE)

        await Promise.all(
          strangers.map(({ ticket }) => send(`${service.url}/v1/confirmation-letters`, { json: { ticket } })),
        )
        const others = await times(AT_ONCE, () => signUp(service))
        await until('the emails of tickets are taken meanwhile', async () => {
          const again = await Promise.all(strangers.map(({ email }) => lettersIn(sink, email)))
          const states = await Promise.all(others.map(other => stateOf(service, other)))
          return again.every(({ length }) => length === 2) && states.every(state => state === 'sent')
        })
        assert.equal(sink.inHand, AT_ONCE)
        taken.resolve()
      })

    test('[R01] one that the mail server refuses degrades mail for operators, and no ticket', async () => {
      await using sink = await openSmtpSink()
      await using service = await serviceBehind(sink)
      const own = newAddress()
      for (let count = 0; count < AN_HOUR; count++) await signUp(service, { email: own })
      const { email: owner } = await confirmedAtOnce(service)
      await settled(service)

      sink.replies = {
        MAIL: '550 5.7.1 not from here',
        RCPT: line => (line.includes(owner) ? '451 4.2.1 later' : undefined),
      }
      await send(`${service.url}/v1/confirmation-letters`, { json: { email: owner } })
      const mail = async () => (await readiness(service.service.metricsUrl!)).mail
      await until('mail is degraded', async () => (await mail()) === 'degraded')
      delete sink.replies.MAIL

      const held = await signUp(service, { email: own })
      await until('the held email is shown as sent', async () => (await stateOf(service, held)) === 'sent')
      assert.equal((await lettersIn(sink, own)).length, AN_HOUR)
      assert.equal(await mail(), 'degraded')
      sink.replies = {}
    })
  })
