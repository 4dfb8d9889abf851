import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { v7 as uuidv7 } from 'uuid'
import { ConfirmationTickets } from '../../../src/accounts/ticket.ts'
import { readConfig } from '../../../src/config.ts'
import { LetterTokens } from '../../../src/confirmation/letters/letter-token.ts'
import { createLogger } from '../../../src/log.ts'
import { openStorage } from '../../../src/open-storage.ts'
import { KeyRing } from '../../../src/secrets/key-ring.ts'
import { secretKeyStatus } from '../../../src/secrets/status.ts'
import { startService } from '../../../src/service.ts'
import { RefreshTokens } from '../../../src/sessions/refresh-token.ts'
import { createTestDatabase, DATABASES, shiftClock } from '../../support/database.ts'
import { emptyDirectory } from '../../support/process.ts'
import {
  confirmedAccount,
  exchange,
  fillDataDirectory,
  SECRET_KEY,
  send,
  signIn,
  signUp,
  type TestService,
} from '../../support/service.ts'

// Family: a key that leaked, and goes on verifying what is forged with it.
for (const kind of DATABASES)
  describe(`a secret key that leaked, on ${kind},`, () => {
    const opened = new AsyncDisposableStack()
    const newKey = `k2:${Buffer.alloc(32, 'new').toString('base64')}`
    let env: Record<string, string>
    let leaked: string
    before(async () => {
      const { path } = opened.use(await emptyDirectory())
      if (kind === 'PGlite') await fillDataDirectory(path)
      leaked = kind === 'PGlite' ? readFileSync(join(path, 'secret-key'), 'utf8').trim() : SECRET_KEY
      env = {
        AUTH_DATA_DIR: path,
        AUTH_PORT: '0',
        AUTH_METRICS_LISTEN: 'off',
        AUTH_RATE_LIMITS: 'off',
        ...(kind === 'PostgreSQL' && { AUTH_DATABASE_URL: opened.use(await createTestDatabase()).url }),
      }
    })
    after(() => opened.disposeAsync())

    const warnings: string[] = []
    const logger = createLogger('warn', {
      write: (line: string) => void (line.includes('secret key') && warnings.push(JSON.parse(line).msg)),
    })
    const configOf = (...keys: string[]) => readConfig({ ...env, AUTH_SECRET_KEY: keys.join(',') })
    async function start(...keys: string[]) {
      const service = await startService(configOf(...keys), { logger })
      const test = { service, url: `http://localhost:${service.port}` } as TestService
      return { ...test, [Symbol.asyncDispose]: () => service[Symbol.asyncDispose]() }
    }
    async function status(...keys: string[]) {
      await using storage = await openStorage(configOf(...keys), logger)
      return await secretKeyStatus(storage.database, storage.secretKeys, storage.secretKeyUses)
    }

    test('verifies nothing once it is retired, while passwords and signing keys need it no more', async () => {
      const thief = KeyRing.parse(leaked)
      const forge = {
        refreshToken: (sessionId: string, generation: number) =>
          new RefreshTokens(thief.for('refresh-token')).make({ sessionId, generation }),
        ticket: (accountId: string) => new ConfirmationTickets(thief.for('confirmation-ticket')).make(accountId),
      }
      const statusOf = async ({ url }: { url: string }, ticket: string) =>
        (await send(`${url}/v1/confirmation`, { headers: { authorization: `Bearer ${ticket}` } })).status

      const { account, pending, sessionId, kids } = await (async () => {
        await using service = await start(leaked)
        const account = await confirmedAccount(service)
        const { sessionId } = (await new RefreshTokens(thief.for('refresh-token')).open(
          await signIn(service, account),
        ))!
        assert.equal((await exchange(service, forge.refreshToken(sessionId, 1))).status, 200, 'forged, and accepted')
        const pending = await signUp(service)
        assert.equal(await statusOf(service, forge.ticket(pending.id)), 200, 'forged, and accepted')
        return { account, pending, sessionId, kids: (await send(`${service.url}/.well-known/jwks.json`)).text }
      })()
      for (const [index, keys] of [
        [leaked, newKey],
        [newKey, leaked],
      ].entries()) {
        await using service = await start(...keys)
        assert.equal(
          (await exchange(service, forge.refreshToken(sessionId, 2 + index))).status,
          200,
          'forged, and accepted',
        )
      }
      const [, before] = await status(newKey, leaked)
      assert.equal(before!.role, 'accepts')
      assert.deepEqual(before!.neededBy, [], 'peppers and signing keys were sealed anew')

      await using service = await start(newKey, `${leaked}:retired`)
      for (let generation = 1; generation < 10; generation++) {
        const { status, body } = await exchange(service, forge.refreshToken(sessionId, generation))
        assert.deepEqual([status, body.error, body.reason], [400, 'invalid_grant', 'malformed'])
      }
      assert.equal((await exchange(service, forge.refreshToken(uuidv7(), 1))).status, 400)
      assert.equal(await statusOf(service, forge.ticket(pending.id)), 401)
      const token = new LetterTokens(thief.for('letter-token')).make(uuidv7())
      const json = { token, ticket: pending.ticket }
      assert.equal((await send(`${service.url}/v1/confirmations`, { json })).status, 404)
      const refreshToken = await signIn(service, account) // with the password of before
      assert.match(refreshToken, /^authsvc_rt_k2\./)
      assert.equal((await exchange(service, refreshToken)).status, 200)
      assert.equal((await send(`${service.url}/.well-known/jwks.json`)).text, kids)
    })

    test('comes back by no start with settings of before, and by an explicit one not without a warning', async () => {
      for (const keys of [
        [leaked, newKey],
        [newKey, leaked],
      ])
        await assert.rejects(start(...keys), /k1" as .*, which is retired since/)
      const [, retired] = await status(newKey, `${leaked}:retired`)
      assert.deepEqual(warnings, [])
      {
        await using service = await start(newKey, `${leaked}:unretired=${retired!.retiredAt!.toISOString()}`)
        assert.deepEqual(warnings.length, 1)
        assert.match(warnings[0]!, /a retired secret key verifies again/)
        await signIn(service, await confirmedAccount(service))
      }
      {
        await using _ = await start(newKey, `${leaked}:retired`)
      }
      await assert.rejects(start(leaked, newKey), /k1" as the first key, which is retired since/)
    })

    test('can be left out then, and is gone', async () => {
      {
        await using storage = await openStorage(configOf(newKey, `${leaked}:retired`), logger)
        await shiftClock(storage.database, 180)
      }
      const [current, retired] = await status(newKey, `${leaked}:retired`)
      assert.deepEqual([current!.role, current!.next.slice(0, 7)], ['makes', 'keep it'])
      assert.deepEqual([retired!.role, retired!.neededBy], ['retired', []])
      assert.match(retired!.next, /^leave it out, and keep it for backups/)
      {
        await using service = await start(newKey)
        await signIn(service, await confirmedAccount(service))
      }
      assert.deepEqual(
        (await status(newKey)).map(({ id }) => id),
        ['k2'],
      )
    })
  })
