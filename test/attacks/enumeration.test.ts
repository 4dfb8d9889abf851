import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { disableAccount } from '../../src/accounts/account-status-store.ts'
import { DATABASES } from '../support/database.ts'
import { confirmedAtOnce, startUnlimitedService } from '../support/genuine-secrets.ts'
import { rawRequest, sendRaw } from '../support/raw-http.ts'
import { newAddress, PASSWORD, send, signUp, type TestService } from '../support/service.ts'

const STATES = ['unknown', 'unconfirmed', 'superseded', 'confirmed', 'disabled', 'deleted'] as const
type State = (typeof STATES)[number]

// Family: guessing, and learning who has an account. Limits have tests of their own.
for (const kind of DATABASES)
  describe(`an address in any state on ${kind}`, () => {
    let service: TestService
    before(async () => {
      service = await startUnlimitedService(kind)
    })
    after(() => service[Symbol.asyncDispose]())

    /** A fresh address in each state. */
    async function addresses(): Promise<Record<State, string>> {
      const { database } = service.service
      const [confirmed, disabled, deleted] = [
        await confirmedAtOnce(service),
        await confirmedAtOnce(service),
        await confirmedAtOnce(service),
      ]
      await disableAccount(database, disabled.id)
      await sql`delete from account where id = ${deleted.id}`.execute(database)
      const superseded = (await signUp(service)).email
      await confirmedAtOnce(service, { email: superseded })
      return {
        unknown: newAddress(),
        unconfirmed: (await signUp(service)).email,
        superseded,
        confirmed: confirmed.email,
        disabled: disabled.email,
        deleted: deleted.email,
      }
    }

    /** An answer byte for byte, without what differs between any two. */
    function visible(answer: { status: number; headers: Record<string, string>; body: string }, email: string): string {
      const { date: _, 'x-request-id': __, 'content-length': ___, ...headers } = answer.headers
      return JSON.stringify({ status: answer.status, headers, body: answer.body })
        .replaceAll(email, 'ADDRESS')
        .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
        .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
        .replace(/authsvc_ct_[\w.-]+/g, 'TICKET')
    }

    const json = { 'content-type': 'application/json' }
    const form = () => ({
      'content-type': 'application/x-www-form-urlencoded',
      origin: service.url,
      host: new URL(service.url).host,
    })
    const ENDPOINTS: Record<string, (email: string) => string> = {
      'signing in with a wrong password': email =>
        rawRequest('POST', '/v1/sessions', json, JSON.stringify({ email, password: 'a wrong password' })),
      'signing in with a password that none can have': email =>
        rawRequest('POST', '/v1/sessions', json, JSON.stringify({ email, password: 'x'.repeat(300) })),
      'signing up': email => rawRequest('POST', '/v1/accounts', json, JSON.stringify({ email, password: PASSWORD })),
      'signing up with a short password': email =>
        rawRequest('POST', '/v1/accounts', json, JSON.stringify({ email, password: 'short' })),
      'asking for a letter': email => rawRequest('POST', '/v1/confirmation-letters', json, JSON.stringify({ email })),
      'the page that signs in': email =>
        rawRequest('POST', '/sign-in', form(), new URLSearchParams({ email, password: 'a wrong password' }).toString()),
      'the page that signs up': email =>
        rawRequest('POST', '/sign-up', form(), new URLSearchParams({ email, password: PASSWORD }).toString()),
      'the page that asks for a letter': email =>
        rawRequest('POST', '/confirm/letter', form(), new URLSearchParams({ email }).toString()),
    }

    for (const [name, bytesFor] of Object.entries(ENDPOINTS))
      test(`[R01] CVE-2026-23511 (Zitadel), GHSA-w54v-hf9p-8856 (parse-server): ${name} answers alike, byte for byte`, async () => {
        const all = await addresses()
        const seen = new Map<State, string>()
        for (const state of STATES) {
          const { answers } = await sendRaw(service.service.port, bytesFor(all[state]), { patience: 20_000 })
          const decoded = {
            ...answers[0]!,
            body: answers[0]!.body.replaceAll(encodeURIComponent(all[state]), all[state]),
          }
          seen.set(state, visible(decoded, all[state]))
        }
        for (const [state, answer] of seen) assert.equal(answer, seen.get('unknown'), state)
      })

    test('[R01] the status of a confirmation is told to the holder of a ticket, and to nobody by the address', async () => {
      const { email, id } = await confirmedAtOnce(service)
      for (const path of [
        `/v1/confirmation?email=${email}`,
        `/v1/confirmation/${id}`,
        `/v1/accounts?email=${email}`,
        `/v1/accounts/${id}`,
        `/v1/accounts/${email}`,
        `/v1/account?email=${email}`,
      ]) {
        const { status, text } = await send(service.url + path)
        assert.ok(status === 401 || status === 404 || status === 405, `${path}: ${status}`)
        assert.ok(!text.includes(email) && !text.includes('confirmed"'))
      }
    })

    test('[R01] a disabled account is told to whoever has its password, and to nobody else', async () => {
      const account = await confirmedAtOnce(service)
      await disableAccount(service.service.database, account.id)
      const signIn = (password: string) =>
        send(`${service.url}/v1/sessions`, { json: { email: account.email, password } })
      assert.equal((await signIn(`${account.password}x`)).body.code, 'invalid_credentials')
      assert.equal((await signIn(account.password)).body.code, 'account_disabled')
    })
  })
