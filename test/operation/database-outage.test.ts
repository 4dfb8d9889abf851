import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createDatabase, startPostgres } from '../support/postgres.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { exchange, newAddress, PASSWORD, SECRET_KEY, send } from '../support/service.ts'
import { letterIn, tokenOf } from '../support/sink-letters.ts'
import { openSmtpSink } from '../support/smtp-sink.ts'

describe('when the database goes away', () => {
  test('requests wait with 503 and no token is called invalid; when it is back, everything goes on [R86]', async () => {
    await using postgres = await startPostgres()
    const { url: databaseUrl } = await createDatabase(postgres.url)
    await using directory = await emptyDirectory()
    await using sink = await openSmtpSink()
    await using service = new ServiceProcess({
      AUTH_DATA_DIR: directory.path,
      AUTH_DATABASE_URL: databaseUrl,
      AUTH_SECRET_KEY: SECRET_KEY,
      AUTH_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
    })
    const url = await service.started()
    const email = newAddress()
    const signUp = (address: string) => send(`${url}/v1/accounts`, { json: { email: address, password: PASSWORD } })
    const { body } = await signUp(email)
    const json = { token: tokenOf(await letterIn(sink, email)), ticket: body.confirmation.ticket }
    await send(`${url}/v1/confirmations`, { json })
    const session = await send(`${url}/v1/sessions`, { json: { email, password: PASSWORD } })
    let refreshToken: string = session.body.refresh_token

    for (const mode of ['fast', 'immediate'] as const) {
      await postgres.restart(mode)
      refreshToken = await refreshed(url, refreshToken)
      const later = newAddress()
      await untilTaken(() => signUp(later))
      await letterIn(sink, later, 60)
    }

    await postgres.stop()
    const ready = await send(`${url}/readyz`)
    assert.deepEqual([ready.status, ready.body.database, ready.body.queue], [503, 'failed', 'failed'])
    assert.equal((await send(`${url}/livez`)).status, 200)
    const refused = await exchange({ url }, refreshToken)
    assert.deepEqual([refused.status, refused.body.error], [503, 'temporarily_unavailable'])
    for (const path of ['/v1/accounts', '/v1/sessions']) {
      const answer = await send(url + path, { json: { email, password: PASSWORD } })
      assert.deepEqual([answer.status, answer.body.code, answer.headers.get('retry-after')], [503, 'unavailable', '1'])
    }
    assert.equal((await exchange({ url }, 'garbled')).body.reason, 'malformed', 'told without the database')
    assert.equal(service.child.exitCode, null)
  })

  /** Exchanges a token as a good client does: after a 503 it tries again with the same one. */
  async function refreshed(url: string, token: string): Promise<string> {
    for (let tries = 0; ; tries++) {
      const { status, body } = await exchange({ url }, token)
      if (status === 200) return body.refresh_token
      assert.equal(status, 503, JSON.stringify(body))
      assert.ok(tries < 100)
      await pause(50)
    }
  }

  async function untilTaken(request: () => Promise<{ status: number }>): Promise<void> {
    for (let tries = 0; (await request()).status !== 201; tries++) {
      assert.ok(tries < 100)
      await pause(50)
    }
  }
})
