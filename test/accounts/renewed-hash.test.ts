import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { HashingLanes, Turn } from '../../src/passwords/hashing-lanes.ts'
import { createPasswordHasher } from '../../src/passwords/password-hasher.ts'
import { normalizePassword } from '../../src/passwords/password-policy.ts'
import { KeyRing } from '../../src/secrets/key-ring.ts'
import { Peppers } from '../../src/secrets/peppers.ts'
import { DATABASES } from '../support/database.ts'
import {
  confirmedAccount,
  PASSWORD,
  SECRET_KEY,
  type SignedUp,
  send,
  signIn,
  startTestService,
  type TestService,
} from '../support/service.ts'

/** On PGlite the service has made its own. */
const secretKeyOf = async ({ databaseUrl, dataDirectory }: TestService) =>
  databaseUrl ? SECRET_KEY : (await readFile(join(dataDirectory, 'secret-key'), 'utf8')).trim()

const AT_ONCE: Turn = { hash: hashing => hashing() }
const WEAKER = { memoryCost: 8, timeCost: 1, parallelism: 1 }
const CURRENT = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/

/** Stores the account's password as weaker parameters hash it. @returns what is stored now, and what it reads later */
async function weaken(service: TestService, { id }: SignedUp) {
  const { database } = service.service
  const peppers = await Peppers.open(database, KeyRing.parse(await secretKeyOf(service)))
  const { hash } = createPasswordHasher({ peppers, parameters: WEAKER })
  const weaker = await hash(AT_ONCE, normalizePassword(PASSWORD)!)
  await database.updateTable('account').set({ password_phc: weaker.phc }).where('id', '=', id).execute()
  const stored = async () =>
    (await database.selectFrom('account').select('password_phc').where('id', '=', id).executeTakeFirstOrThrow())
      .password_phc
  return { weaker: weaker.phc, stored }
}

for (const kind of DATABASES)
  describe(`a stored password of weaker parameters, on ${kind},`, () => {
    test('is hashed anew at the next sign-in, and by no wrong password [R29]', async () => {
      await using service = await startTestService(kind)
      const account = await confirmedAccount(service)
      const { weaker, stored } = await weaken(service, account)

      const json = { email: account.email, password: 'not the right password' }
      assert.equal((await send(`${service.url}/v1/sessions`, { json })).status, 401)
      assert.equal(await stored(), weaker)

      await signIn(service, account)
      const renewed = await stored()
      assert.match(renewed, CURRENT)
      await signIn(service, account)
      assert.equal(await stored(), renewed, 'what is current stays')
    })

    test('is hashed anew in the turn of the sign-in, also while strangers take every place to wait [R29] [R37]', async () => {
      await using service = await startTestService(kind)
      const hashing = service.service.hashing as HashingLanes // to wait in line without a request
      const account = await confirmedAccount(service)
      const json = { email: account.email, password: PASSWORD }
      const { device_token } = (await send(`${service.url}/v1/sessions`, { json })).body
      const { stored } = await weaken(service, account)

      const ends = Promise.withResolvers<void>()
      const [free, ...turns] = Array.from({ length: hashing.lanes + 1 }, () => Promise.withResolvers<void>())
      const crowd = [free!, ...turns, ...Array.from({ length: 64 }, () => ends)].map(({ promise }, number) =>
        hashing.run({ network: `2001:db8:0:${number}::/64` }, () => promise),
      )
      const crowdEnds = Promise.allSettled(crowd)
      const signedIn = send(`${service.url}/v1/sessions`, { json: { ...json, device_token } })
      while (hashing.waiting < 65) await setImmediate()
      free!.resolve()
      assert.equal((await signedIn).status, 201)
      assert.match(await stored(), CURRENT)
      for (const { resolve } of [ends, ...turns]) resolve()
      await crowdEnds
    })
  })
