import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createTestDatabase, DATABASES, type DatabaseKind } from '../support/database.ts'
import { readiness } from '../support/metrics.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { fillDataDirectory, newAddress, PASSWORD, SECRET_KEY, send } from '../support/service.ts'
import { letterIn, lettersIn, tokenOf } from '../support/sink-letters.ts'
import { openSmtpSink, type SmtpSink } from '../support/smtp-sink.ts'

type Stage = AsyncDisposable & { sink: SmtpSink; start(): ServiceProcess }

/** A mail server that misbehaves, and a service that can be killed and started again on the same data. */
async function openStage(kind: DatabaseKind): Promise<Stage> {
  await using opened = new AsyncDisposableStack()
  const directory = opened.use(await emptyDirectory())
  if (kind === 'PGlite') await fillDataDirectory(directory.path)
  const database = kind === 'PostgreSQL' ? opened.use(await createTestDatabase()) : undefined
  const sink = opened.use(await openSmtpSink())
  const env = {
    AUTH_DATA_DIR: directory.path,
    AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
    AUTH_METRICS_LISTEN: '127.0.0.1:0',
    ...(database && { AUTH_DATABASE_URL: database.url, AUTH_SECRET_KEY: SECRET_KEY }),
  }
  const parts = opened.move()
  return {
    sink,
    start: () => parts.use(new ServiceProcess(env)),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

const signUp = async (url: string, email: string) => {
  const { status, body } = await send(`${url}/v1/accounts`, { json: { email, password: PASSWORD } })
  assert.equal(status, 201)
  return body.confirmation.ticket as string
}

const statusOf = async (url: string, ticket: string) =>
  (await send(`${url}/v1/confirmation`, { headers: { authorization: `Bearer ${ticket}` } })).body

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 30_000; !(await holds()); await pause(20))
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${what}`)
}

for (const kind of DATABASES) {
  describe(`no letter is lost on ${kind} [R88]`, { concurrency: 2 }, () => {
    test('when the process is killed while it hands the letter over', async () => {
      await using stage = await openStage(kind)
      stage.sink.replies.MAIL = 'silence'
      const first = stage.start()
      const email = newAddress()
      const ticket = await signUp(await first.started(), email)
      await until('the letter is being handed over', () => stage.sink.lines.some(line => line.startsWith('MAIL')))
      await first.kill()
      delete stage.sink.replies.MAIL
      const second = stage.start()
      const url = await second.started()
      await letterIn(stage.sink, email, 60)
      await until('it is recorded', async () => (await statusOf(url, ticket)).state === 'sent')
    })

    test('when the process is killed at the moment of the answer, with many sign-ups under way', async () => {
      await using stage = await openStage(kind)
      const first = stage.start()
      const url = await first.started()
      const answered: string[] = []
      const signUps = Array.from({ length: 24 }, async () => {
        const email = newAddress()
        await signUp(url, email)
        answered.push(email)
        if (answered.length === 8) first.child.kill('SIGKILL')
      })
      await Promise.allSettled(signUps)
      await first.ended()
      assert.ok(answered.length >= 8)
      await stage.start().started()
      for (const email of answered) await letterIn(stage.sink, email, 60)
    })

    test('when it is killed after the mail server took the letter: the same letter, with the same link, comes again [R22]', async () => {
      await using stage = await openStage(kind)
      const first = stage.start()
      const firstUrl = await first.started()
      const email = newAddress()
      stage.sink.replies.letter = () => {
        first.child.kill('SIGKILL')
        return undefined
      }
      const ticket = await signUp(firstUrl, email)
      await first.ended()
      delete stage.sink.replies.letter
      const url = await stage.start().started()
      await until('it came again', async () => (await lettersIn(stage.sink, email)).length === 2)
      const [one, other] = await lettersIn(stage.sink, email)
      assert.equal(one!.messageId, other!.messageId)
      assert.equal(tokenOf(one!), tokenOf(other!))
      const json = { token: tokenOf(one!), ticket }
      assert.equal((await send(`${url}/v1/confirmations`, { json })).status, 200)
    })

    test('when the mail server is away: the service starts, says so, and sends when it is back', async () => {
      await using stage = await openStage(kind)
      const { port } = stage.sink
      await stage.sink.close()
      const service = stage.start()
      const url = await service.started()
      const mail = async () => (await readiness((await service.until(/Metrics +(\S+)/))[1]!)).mail
      await until('readyz says so', async () => (await mail()) === 'degraded')
      assert.equal((await send(`${url}/readyz`)).status, 200)
      const email = newAddress()
      const ticket = await signUp(url, email)
      assert.deepEqual(await statusOf(url, ticket), { state: 'queued', sent_at: null, expires_at: null })
      await using back = await openSmtpSink({ port })
      await letterIn(back, email, 60)
      await until('readyz says so', async () => (await mail()) === 'ok')
      await until('it is recorded', async () => (await statusOf(url, ticket)).state === 'sent')
    })

    test('when the mail server says "later": it is asked again', async () => {
      await using stage = await openStage(kind)
      const url = await stage.start().started()
      let refusals = 2
      stage.sink.replies.RCPT = () => (refusals-- > 0 ? '451 4.3.0 later' : undefined)
      const email = newAddress()
      await signUp(url, email)
      await letterIn(stage.sink, email, 60)
      assert.equal(stage.sink.lines.filter(line => line.startsWith('RCPT')).length, 3)
    })

    test('when the mail server refuses the sender: that is no fault of the address', async () => {
      await using stage = await openStage(kind)
      const url = await stage.start().started()
      let refusals = 1
      stage.sink.replies.MAIL = () => (refusals-- > 0 ? '550 5.7.1 you may not send' : undefined)
      const email = newAddress()
      const ticket = await signUp(url, email)
      await letterIn(stage.sink, email, 60)
      await until('it is recorded', async () => (await statusOf(url, ticket)).state === 'sent')
    })

    test('and one to an address that does not exist is told as undeliverable, after one attempt', async () => {
      await using stage = await openStage(kind)
      const url = await stage.start().started()
      stage.sink.replies.RCPT = '550 5.1.1 no such user'
      const email = newAddress()
      const ticket = await signUp(url, email)
      await until('it is told', async () => (await statusOf(url, ticket)).state === 'undeliverable')
      assert.equal(stage.sink.lines.filter(line => line.startsWith('RCPT')).length, 1)
    })
  })
}
