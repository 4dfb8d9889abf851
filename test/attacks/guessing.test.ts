import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LIMITS } from '../../src/limits/limits.ts'
import { DATABASES } from '../support/database.ts'
import { confirmedAccount, PASSWORD, send, startTestService, type TestService } from '../support/service.ts'

const GUESSES = LIMITS.sign_in_by_address_and_network.burst
const WRONG = 'not the right password'

const onInterface = ({ url }: TestService, email: string, password: string, known: object = {}) =>
  send(`${url}/v1/sessions`, { json: { email, password, ...known } })
const onPage = ({ url }: TestService, email: string, password: string) =>
  send(`${url}/sign-in`, { form: { email, password }, headers: { 'sec-fetch-site': 'same-origin' } })

for (const kind of DATABASES)
  describe(`whoever guesses a password, on ${kind},`, () => {
    test('[R39] [R40] CVE-2026-9798 (Keycloak): gains nothing by going on at the page', async () => {
      await using service = await startTestService(kind)
      const { email } = await confirmedAccount(service)
      for (let count = 0; count < GUESSES; count++) {
        const attempt = count % 2 === 0 ? onInterface : onPage
        assert.equal((await attempt(service, email, WRONG)).status, 401)
      }
      assert.equal((await onInterface(service, email, PASSWORD)).status, 429)
      assert.equal((await onPage(service, email, PASSWORD)).status, 429)
    })

    test('[R36] is held up after so many in a row, and a person who mistypes now and then never is', async () => {
      await using service = await startTestService(kind)
      const { email } = await confirmedAccount(service)
      let known = {}
      for (let round = 0; round < 3; round++) {
        for (let count = 1; count < GUESSES; count++)
          assert.equal((await onInterface(service, email, WRONG, known)).status, 401)
        const { status, body } = await onInterface(service, email, PASSWORD, known)
        assert.equal(status, 201)
        known = { device_token: body.device_token }
      }
    })

    test('[R36] goes on counting where it was when the owner signs in from the same network', async () => {
      await using service = await startTestService(kind)
      const { email } = await confirmedAccount(service)
      for (let count = 1; count < GUESSES; count++) assert.equal((await onInterface(service, email, WRONG)).status, 401)
      const signedIn = await onInterface(service, email, PASSWORD)
      assert.equal(signedIn.status, 201)
      assert.equal((await onInterface(service, email, WRONG)).status, 401)
      assert.equal((await onInterface(service, email, WRONG)).status, 429)
      const { device_token } = signedIn.body
      assert.equal((await onInterface(service, email, PASSWORD, { device_token })).status, 201)
    })
  })
