import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { DATABASES } from '../support/database.ts'
import { readiness } from '../support/metrics.ts'
import { newAddress, signUp, startTestService, type TestService } from '../support/service.ts'
import { openSmtpSink, type SmtpSink } from '../support/smtp-sink.ts'

const UNSHOWN = 1 // connection is kept for emails that no ticket shows
const PROBES = 2 // connections, which ask whether the server is there
const STALL = 5_000 // milliseconds in which no email made room, after which one more goes

const signUpMany = (service: TestService, count: number) =>
  Promise.all(Array.from({ length: count }, () => signUp(service)))

const recipientsOf = ({ letters }: SmtpSink) => letters.flatMap(({ to }) => to).sort()

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await holds()); await pause(20)) assert.ok(Date.now() < deadline, what)
}

for (const kind of DATABASES)
  describe(`with a slow mail server, on ${kind}`, { concurrency: 2 }, () => {
    test('as many emails are sent at once as AUTH_SMTP_CONNECTIONS allows, on connections that are kept', async () => {
      const begins = Promise.withResolvers<void>()
      await using sink = await openSmtpSink({ untilTaken: () => begins.promise.then(() => pause(250)) })
      await using service = await startTestService(kind, {
        env: { AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`, AUTH_SMTP_CONNECTIONS: '8' },
      })
      const accounts = await signUpMany(service, 60)
      begins.resolve()
      await until('all emails arrived', () => sink.letters.length >= 60)
      assert.deepEqual(recipientsOf(sink), accounts.map(({ email }) => email).sort())
      assert.equal(sink.mostInHand, 8 - UNSHOWN - PROBES)
      assert.ok(sink.connections <= 8 - UNSHOWN, `${sink.connections} connections`)
    })

    test('one that hangs holds a few emails, and all arrive when it is there again', async () => {
      await using hanging = await openSmtpSink({ replies: { letter: 'silence' } })
      await using service = await startTestService(kind, {
        env: { AUTH_SMTP_URL: `smtp://127.0.0.1:${hanging.port}` },
      })
      const began = performance.now()
      const accounts = await signUpMany(service, 40)
      await until('emails are under way', () => hanging.lines.filter(line => line === 'DATA').length >= 5)
      const { database } = service.service
      await until('more are in hand', async () => {
        const { rows } = await sql`select 1 from pgboss.job where state = 'active'`.execute(database)
        return rows.length > 5
      })
      const further = Math.floor((performance.now() - began) / STALL)
      assert.ok(hanging.mostOpen <= 5 + further + PROBES, `${hanging.mostOpen} connections`)
      await hanging.close()
      await using sink = await openSmtpSink({ port: hanging.port })
      await until('all emails arrived', () => sink.letters.length >= 40)
      assert.deepEqual(recipientsOf(sink), accounts.map(({ email }) => email).sort())
    })

    test('the age of the oldest email is told, and degrades mail when it is over five minutes', async () => {
      await using hanging = await openSmtpSink({ replies: { letter: 'silence' } })
      await using service = await startTestService(kind, {
        env: {
          AUTH_SMTP_URL: `smtp://127.0.0.1:${hanging.port}`,
          AUTH_SMTP_CONNECTIONS: '1',
          AUTH_METRICS_LISTEN: '127.0.0.1:0',
        },
      })
      await signUpMany(service, 8)
      const mail = async () => (await readiness(service.service.metricsUrl!)).mail
      await until('mail is ok', async () => (await mail()) === 'ok')
      const { database } = service.service
      await sql`update pgboss.job set created_on = created_on - interval '6 minutes',
        start_after = start_after - interval '6 minutes' where state = 'created'`.execute(database)
      await until('mail is degraded', async () => (await mail()) === 'degraded')
      await until('the age is told', async () => (await oldestEmail(service)) > 300)
      await hanging.close()
      await using sink = await openSmtpSink({ port: hanging.port })
      await until('all emails arrived', () => sink.letters.length >= 8)
      await until('mail is ok', async () => (await mail()) === 'ok')
      await until('no email waits', async () => (await oldestEmail(service)) === 0)
    })

    test('emails that the limits hold back have no age', async () => {
      await using sink = await openSmtpSink()
      await using service = await startTestService(kind, {
        env: { AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`, AUTH_METRICS_LISTEN: '127.0.0.1:0' },
      })
      const email = newAddress()
      for (let count = 0; count < 7; count++) await signUp(service, { email })
      await until('no message waits', async () => {
        const { rows } = await sql`select 1 from pgboss.job where state < 'completed'`.execute(service.service.database)
        return rows.length === 0
      })
      assert.ok(sink.letters.length < 7, 'some are held back')
      assert.equal(await oldestEmail(service), 0)
    })

    test('an email leaves though the server is silent about the recipients of many before it', async () => {
      const isSilentAbout = (line: string) => line.includes('@silent.example')
      await using sink = await openSmtpSink({
        replies: { RCPT: line => (isSilentAbout(line) ? 'silence' : undefined) },
      })
      await using service = await startTestService(kind, { env: { AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}` } })
      for (let n = 0; n < 12; n++) await signUp(service, { email: `ann-${n}@silent.example` })
      await until('some are under way', () => sink.lines.filter(isSilentAbout).length >= 5)
      const { email } = await signUp(service)
      await until('the email arrived', () => recipientsOf(sink).includes(email))
    })
  })

async function oldestEmail({ service }: TestService): Promise<number> {
  const text = await (await fetch(service.metricsUrl!)).text()
  return Number(/^auth_queue_oldest_waiting_seconds (\S+)$/m.exec(text)![1])
}
