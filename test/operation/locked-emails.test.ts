import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { confirmedAtOnce } from '../support/genuine-secrets.ts'
import { exchange, signIn, signUp, startTestService } from '../support/service.ts'
import { settled } from '../support/settled.ts'
import { openSmtpSink } from '../support/smtp-sink.ts'

const COME_AGAIN = 10 // messages, after which emails have met the lock both together and each alone

const times = <T>(count: number, make: () => Promise<T>) => Promise.all(Array.from({ length: count }, make))

test('while the table of emails is locked, people sign in and refresh; then each email leaves once', async () => {
  let taken = Promise.withResolvers<void>()
  await using sink = await openSmtpSink({ untilTaken: () => taken.promise.then(() => pause(100)) })
  const env = { AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}` }
  await using service = await startTestService('PostgreSQL', { env })
  const [owner, other] = await times(2, () => confirmedAtOnce(service))
  let refreshToken = await signIn(service, other!)
  const accounts = await times(60, () => signUp(service)) // so many are sent at once from now on
  taken.resolve()
  await settled(service)
  taken = Promise.withResolvers()
  accounts.push(...(await times(20, () => signUp(service))))
  while (sink.inHand < 10) await pause(20)

  const client = new pg.Client({ connectionString: service.databaseUrl })
  await client.connect()
  try {
    await client.query('begin')
    await client.query('lock table confirmation_letter in share mode') // as building an index does
    taken.resolve()
    accounts.push(...(await times(40, () => signUp(service))))
    const comeAgain = async () => {
      const { rows } = await client.query("select 1 from pgboss.job where state < 'completed' and priority < 0")
      return rows.length
    }
    do {
      await times(3, () => signIn(service, owner!))
      const { status, body } = await exchange(service, refreshToken)
      assert.equal(status, 200)
      refreshToken = body.refresh_token
    } while ((await comeAgain()) < COME_AGAIN)
  } finally {
    await client.query('rollback')
    await client.end()
  }

  await settled(service)
  const recipients = sink.letters.flatMap(({ to }) => to).filter(to => to !== owner!.email && to !== other!.email)
  assert.deepEqual(recipients.sort(), accounts.map(({ email }) => email).sort())
})
