import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { DATABASES } from '../../support/database.ts'
import { confirmedAtOnce, letterTokenOf, startUnlimitedService } from '../../support/genuine-secrets.ts'
import { rawRequest, sendRaw } from '../../support/raw-http.ts'
import { send, signIn, signUp, type TestService } from '../../support/service.ts'
import { openSmtpSink, type SmtpSink } from '../../support/smtp-sink.ts'
import { type Canaries, rowsByTable, sightingsIn } from './canaries.ts'

// What others put into a line of the log: mail servers by their answers, clients by their paths.
for (const kind of DATABASES)
  describe(`a line of the log on ${kind}`, () => {
    let service: TestService
    let sink: SmtpSink
    before(async () => {
      sink = await openSmtpSink()
      service = await startUnlimitedService(kind, { env: { AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}` } })
    })
    after(async () => {
      await service?.[Symbol.asyncDispose]()
      await sink[Symbol.asyncDispose]()
    })

    const nothingFoundIn = (texts: Iterable<[string, string]>, canaries: Canaries) =>
      assert.deepEqual(
        [...texts].flatMap(([place, text]) => sightingsIn(text, canaries, place)),
        [],
      )

    async function untilLogged(pattern: RegExp) {
      for (const deadline = Date.now() + 15_000; !pattern.test(service.log()); await pause(20))
        assert.ok(Date.now() < deadline, `no line of the log has ${pattern}`)
    }

    // Filters of mail servers like to quote the link that they refuse.
    test('[R83] holds no token when a mail server quotes the link of a letter, and neither does the database', async () => {
      sink.replies.letter = '451 4.3.0 later'
      const { id } = await signUp(service)
      const token = await letterTokenOf(service, id)
      sink.replies.letter = `554 5.7.1 the link ${service.url}/confirm?token=${token} is on a list`
      await untilLogged(/is on a list/)
      delete sink.replies.letter
      const places: [string, string][] = [['log', service.log()], ...(await rowsByTable(service.service.database))]
      nothingFoundIn(places, { 'token of the refused letter': token })
    })

    // Gateways and people garble links: an encoded question mark makes the token a part of the path.
    test('[R83] [R76] holds no token that a garbled link or a client puts into the path', async () => {
      const account = await confirmedAtOnce(service)
      const { token } = account
      const refreshToken = await signIn(service, account)
      await send(`${service.url}/confirm%3Ftoken=${token}`)
      await send(`${service.url}/confirm/${token}`)
      await send(`${service.url}/oauth2/token/${refreshToken}`)
      nothingFoundIn([['log', service.log()]], { token, refreshToken })
    })

    test('[R83] holds no password that stands in an absolute target', async () => {
      const password = 'canary-in-a-target'
      await sendRaw(service.service.port, rawRequest('GET', `http://user:${password}@localhost/sign-in`))
      nothingFoundIn([['log', service.log()]], { password })
    })

    test('[R84] is begun by nothing that a client sends', async () => {
      const forged = '{"level":"fatal","msg":"forged"}'
      const before = service.log().split('\n').length
      for (const path of [`/%0a${encodeURIComponent(forged)}`, `/x?\u0085${encodeURIComponent(forged)}`])
        await send(service.url + path, { headers: { 'user-agent': forged, 'x-request-id': forged } })
      await sendRaw(service.service.port, `GET /a\n${forged} HTTP/1.1\r\nhost: localhost\r\n\r\n`)
      const lines = service
        .log()
        .trim()
        .split('\n')
        .slice(before - 1)
      assert.ok(lines.length >= 2)
      for (const line of lines) assert.notEqual(JSON.parse(line).msg, 'forged')
    })
  })
