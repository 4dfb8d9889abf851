import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createLocalJWKSet, type JWK, jwtVerify } from 'jose'
import { KeyRing } from '../../../src/secrets/key-ring.ts'
import { AccessTokens } from '../../../src/tokens/access-token.ts'
import { SigningKeys } from '../../../src/tokens/signing-keys.ts'
import { DATABASES, freezeClock, type OpenedDatabase, openTestDatabase } from '../../support/database.ts'
import { SECRET_KEY } from '../../support/service.ts'

const START = Date.parse('2026-01-01T00:00:00Z')
const ORIGIN = 'https://auth.example'
const TTL = 300 // seconds
const CACHED_FOR = 300 // seconds; what jwks.json says in max-age
const RELOADED_EACH = 60 // seconds, see housekeeping

/** Somebody who verifies tokens, and asks for the keys as seldom as they may. */
type Verifier = { fetchedAt: number; keys: JWK[] }

for (const kind of DATABASES) {
  describe(`keys that rotate all the time on ${kind}`, () => {
    let opened: OpenedDatabase
    before(async () => {
      opened = await openTestDatabase(kind)
    })
    after(() => opened[Symbol.asyncDispose]())

    const process = () =>
      SigningKeys.open({
        database: opened.database,
        sealing: KeyRing.parse(SECRET_KEY).sealing,
        algorithm: 'ES256',
        accessTokenTtl: TTL,
      })

    test('[R63] fail no verifier that caches them, whichever process signed, until the last second of a token', async () => {
      let seconds = 0
      const at = async (next: number) => {
        seconds = next
        await freezeClock(opened.database, new Date(START + seconds * 1_000).toISOString())
      }
      await at(0)
      const processes = [await process(), await process()] // they reload 30 seconds apart
      const verifiers: Verifier[] = Array.from({ length: 5 }, (_, index) => ({ fetchedAt: -index * 60, keys: [] }))
      for (const verifier of verifiers) verifier.keys = [...processes[0]!.jwks.keys]
      const alive: { token: string; until: number }[] = []
      const signers = new Set<string>()

      for (let minute = 0; minute < 150; minute++) {
        for (const half of [0, 1] as const) {
          await at(minute * RELOADED_EACH + half * 30)
          await processes[half]!.maintain()
          if (half === 0 && minute % 5 === 0) await processes[0]!.rotate({ dropCurrent: false })
          for (const [index, verifier] of verifiers.entries())
            if (seconds - verifier.fetchedAt >= CACHED_FOR)
              Object.assign(verifier, { fetchedAt: seconds, keys: [...processes[index % 2]!.jwks.keys] })
          for (const keys of processes) {
            signers.add(keys.current.id)
            alive.push({ token: tokenOf(keys, seconds), until: seconds + TTL })
          }
          while (alive[0] && alive[0].until <= seconds) alive.shift()
          for (const { token } of [alive.at(0)!, alive.at(-1)!, alive.at(-2)!])
            for (const { keys } of verifiers) await verified(token, keys, seconds)
        }
      }
      assert.ok(signers.size > 5, `${signers.size} keys have signed`)
    })

    test('[R63] a key that leaked leaves at once, and what it signed is refused', async () => {
      const keys = await process()
      const token = tokenOf(keys, 0)
      await keys.rotate({ dropCurrent: true })
      await assert.rejects(verified(token, [...keys.jwks.keys], 0), /no applicable key/)
      await verified(tokenOf(keys, 0), [...keys.jwks.keys], 0)
    })
  })
}

function tokenOf(keys: SigningKeys, seconds: number): string {
  const tokens = new AccessTokens({
    keys,
    issuer: () => ORIGIN,
    audience: () => ORIGIN,
    clientId: 'default',
    ttl: TTL,
    now: () => START + seconds * 1_000,
  })
  return tokens.issue({ accountId: 'a', sessionId: 's', authenticatedAt: new Date(START), amr: ['pwd'] })
}

async function verified(token: string, keys: JWK[], seconds: number): Promise<void> {
  await jwtVerify(token, createLocalJWKSet({ keys }), { currentDate: new Date(START + seconds * 1_000) })
}
