import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Turn } from '../../src/passwords/hashing-lanes.ts'
import { createPasswordHasher } from '../../src/passwords/password-hasher.ts'
import { normalizePassword } from '../../src/passwords/password-policy.ts'
import { KeyRing } from '../../src/secrets/key-ring.ts'
import { Peppers } from '../../src/secrets/peppers.ts'
import { DATABASES } from '../support/database.ts'
import {
  confirmedAccount,
  PASSWORD,
  SECRET_KEY,
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

for (const kind of DATABASES)
  describe(`a stored password of weaker parameters, on ${kind},`, () => {
    test('is hashed anew at the next sign-in, and by no wrong password [R29]', async () => {
      await using service = await startTestService(kind)
      const { database } = service.service
      const account = await confirmedAccount(service)
      const stored = () =>
        database.selectFrom('account').select('password_phc').where('id', '=', account.id).executeTakeFirstOrThrow()
      const peppers = await Peppers.open(database, KeyRing.parse(await secretKeyOf(service)))
      const { hash } = createPasswordHasher({ peppers, parameters: WEAKER })
      const weaker = await hash(AT_ONCE, normalizePassword(PASSWORD)!)
      await database.updateTable('account').set({ password_phc: weaker.phc }).where('id', '=', account.id).execute()

      const json = { email: account.email, password: 'not the right password' }
      assert.equal((await send(`${service.url}/v1/sessions`, { json })).status, 401)
      assert.equal((await stored()).password_phc, weaker.phc)

      await signIn(service, account)
      const renewed = (await stored()).password_phc
      assert.match(renewed, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
      await signIn(service, account)
      assert.equal((await stored()).password_phc, renewed, 'what is current stays')
    })
  })
