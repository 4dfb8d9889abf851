import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, beforeEach, describe, test } from 'node:test'
import { decodeProtectedHeader } from 'jose'
import { type KyselyPlugin, sql } from 'kysely'
import { KeyRing } from '../../src/secrets/key-ring.ts'
import { type Database, inTransaction } from '../../src/storage/database.ts'
import { UnavailableError } from '../../src/storage/unavailable.ts'
import { AccessTokens } from '../../src/tokens/access-token.ts'
import type { SigningAlgorithm } from '../../src/tokens/signing-algorithms.ts'
import { countSigningKeysSealedWith } from '../../src/tokens/signing-key-store.ts'
import { resealSigningKeys, SigningKeys } from '../../src/tokens/signing-keys.ts'
import { DATABASES, freezeClock, type OpenedDatabase, openTestDatabase } from '../support/database.ts'

const MINUTE = 60
const DAY = 86_400
const START = Date.parse('2026-01-01T00:00:00Z')
const key = (id: string) => `${id}:${Buffer.alloc(32, id).toString('base64')}`

for (const kind of DATABASES) {
  describe(`signing keys on ${kind}`, () => {
    let opened: OpenedDatabase
    let database: Database
    before(async () => {
      opened = await openTestDatabase(kind)
      database = opened.database
    })
    after(() => opened[Symbol.asyncDispose]())
    beforeEach(async () => {
      await sql`delete from signing_key`.execute(database)
      await sql`delete from audit_event`.execute(database)
      warnings.length = 0
      await at(0)
    })

    const at = (seconds: number) => freezeClock(database, new Date(START + seconds * 1_000).toISOString())

    /** Milliseconds on the clock by which the keys of a process age. */
    let elapsed = 0
    const warnings: string[] = []
    const optionsOf = (algorithm: SigningAlgorithm, secretKeys = key('k1')) => ({
      database,
      elapsed: () => elapsed,
      sealing: KeyRing.parse(secretKeys).sealing,
      algorithm,
      accessTokenTtl: 5 * MINUTE,
      logger: { warn: (_: unknown, message?: string) => void warnings.push(message!) },
    })
    const open = (algorithm: SigningAlgorithm = 'ES256', secretKeys?: string) =>
      SigningKeys.open(optionsOf(algorithm, secretKeys))
    const algorithmsOf = (keys: SigningKeys) => keys.jwks.keys.map(({ alg }) => alg)
    const rotations = async () => {
      const { rows } = await sql<{ reason: string }>`
        select reason from audit_event where type = 'signing_key.rotated' order by id`.execute(database)
      return rows.map(({ reason }) => reason)
    }

    const tokensOf = (keys: SigningKeys) =>
      new AccessTokens({
        keys,
        issuer: () => 'http://localhost',
        audience: () => 'http://localhost',
        clientId: 'default',
        ttl: 5 * MINUTE,
        now: () => START,
      })
    const subject = { accountId: 'account', sessionId: 'session', authenticatedAt: new Date(START), amr: ['pwd'] }

    const published = (keys: SigningKeys) => keys.jwks.keys.map(({ kid }) => kid)

    test('the next key is published from the first start on [R63]', async () => {
      const keys = await open()
      assert.equal(keys.jwks.keys.length, 2)
      assert.ok(published(keys).includes(keys.current.id))
    })

    test('the JWKS holds public members only [R64]', async () => {
      for (const algorithm of ['ES256', 'EdDSA', 'RS256'] as const) {
        await sql`delete from signing_key`.execute(database)
        const keys = await open(algorithm)
        for (const jwk of keys.jwks.keys) {
          for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) assert.ok(!(secret in jwk), secret)
          assert.deepEqual([jwk.alg, jwk.use], [algorithm, 'sig'])
        }
      }
    })

    test('every algorithm signs what verifies, and what was changed does not', async () => {
      for (const algorithm of ['ES256', 'EdDSA', 'RS256'] as const) {
        await sql`delete from signing_key`.execute(database)
        const tokens = tokensOf(await open(algorithm))
        const token = tokens.issue(subject)
        assert.deepEqual(await tokens.verify(token), { accountId: 'account', sessionId: 'session' })
        const [header, claims, signature] = token.split('.') as [string, string, string]
        const forged = Buffer.from(claims, 'base64url').toString().replace('account', 'another')
        assert.equal(
          await tokens.verify(`${header}.${Buffer.from(forged).toString('base64url')}.${signature}`),
          undefined,
        )
        const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')
        assert.equal(await tokens.verify(`${none}.${claims}.`), undefined)
      }
    })

    test('keys are stored sealed [R62]', async () => {
      const keys = await open()
      const { rows } = await sql<{ sealed_private_key: Uint8Array }>`
        select sealed_private_key from signing_key where id = ${keys.current.id}`.execute(database)
      const pkcs8 = keys.current.privateKey.export({ type: 'pkcs8', format: 'der' })
      assert.equal(Buffer.from(rows[0]!.sealed_private_key).includes(pkcs8.subarray(-32)), false)
    })

    test('a rotated key signs 15 minutes after it was published at the earliest [R63]', async () => {
      const keys = await open()
      const [first] = [keys.current.id]
      const next = published(keys).find(id => id !== first)
      await keys.rotate({ dropCurrent: false })
      assert.equal(keys.current.id, first, 'verifiers may not know the next one yet')
      assert.equal(keys.jwks.keys.length, 3, 'there is a next one again')
      await at(15 * MINUTE)
      await keys.maintain()
      assert.equal(keys.current.id, next)
    })

    test('the key of before stays until what it signed has expired, then goes [R63]', async () => {
      const keys = await open()
      const first = keys.current.id
      await at(DAY)
      await keys.rotate({ dropCurrent: false })
      assert.notEqual(keys.current.id, first, 'the next one was published long ago')
      await at(DAY + 9 * MINUTE)
      await keys.maintain()
      assert.ok(published(keys).includes(first))
      await at(DAY + 11 * MINUTE)
      await keys.maintain()
      assert.ok(!published(keys).includes(first))
    })

    test('keys rotate by themselves every 90 days', async () => {
      const keys = await open()
      const first = keys.current.id
      await at(89 * DAY)
      await keys.maintain()
      assert.equal(keys.current.id, first)
      await at(90 * DAY + MINUTE)
      await keys.maintain()
      assert.notEqual(keys.current.id, first)
    })

    test('a dropped key leaves the JWKS at once, and its tokens are refused [R63]', async () => {
      const keys = await open()
      const tokens = tokensOf(keys)
      const token = tokens.issue(subject)
      const leaked = keys.current.id
      await keys.rotate({ dropCurrent: true })
      assert.notEqual(keys.current.id, leaked)
      assert.ok(!published(keys).includes(leaked))
      assert.equal(await tokens.verify(token), undefined)
      assert.ok(await tokens.verify(tokens.issue(subject)))
    })

    test('after two drops no key of before signs or verifies, not even one that a rotation had given its hour [R63]', async () => {
      const keys = await open()
      const before = published(keys)
      await at(DAY)
      await keys.rotate({ dropCurrent: false })
      before.push(...published(keys))
      await keys.rotate({ dropCurrent: false })
      before.push(...published(keys))
      await keys.rotate({ dropCurrent: true })
      await keys.rotate({ dropCurrent: true })
      assert.deepEqual(
        published(keys).filter(id => before.includes(id)),
        [],
      )
      await at(DAY + 20 * MINUTE)
      await keys.maintain()
      assert.ok(!before.includes(keys.current.id), 'none of them has its hour later')
    })

    test('another process follows, and ten that start at once agree', async () => {
      const processes = await Promise.all(Array.from({ length: 10 }, () => open()))
      assert.equal(new Set(processes.map(keys => keys.current.id)).size, 1)
      for (const keys of processes) assert.equal(published(keys).length, 2, 'one that signs and the next')
      const [one, other] = processes as [SigningKeys, SigningKeys]
      await at(DAY)
      await one.rotate({ dropCurrent: false })
      const token = tokensOf(one).issue(subject)
      assert.ok(await tokensOf(other).verify(token), 'it knew the next key before')
      await other.maintain()
      assert.equal(other.current.id, one.current.id)
    })

    test('each change of the key that signs is recorded, with its reason [R82]', async () => {
      const keys = await open()
      await keys.rotate({ dropCurrent: false })
      await keys.rotate({ dropCurrent: true })
      await at(91 * DAY)
      await keys.maintain()
      await open('EdDSA')
      const { rows } = await sql<{ told: string }>`
        select concat_ws(' ', type, outcome, reason) as told from audit_event order by id`.execute(database)
      assert.deepEqual(
        rows.map(({ told }) => told),
        [
          'signing_key.rotated success command',
          'signing_key.dropped success command',
          'signing_key.rotated success age',
          'signing_key.rotated success algorithm',
        ],
      )
    })

    test('a verifier takes no algorithm before a key of it is published', async () => {
      const keys = await open('ES256')
      assert.deepEqual(keys.algorithms, ['ES256'])
      const both = await open('EdDSA')
      assert.deepEqual(both.algorithms.toSorted(), ['ES256', 'EdDSA'])
    })

    test('a change of the algorithm goes the same way', async () => {
      const before = tokensOf(await open('ES256')).issue(subject)
      const keys = await open('EdDSA')
      assert.equal(keys.current.algorithm, 'ES256', 'the new key waits its 15 minutes')
      await at(15 * MINUTE)
      await keys.maintain()
      assert.equal(keys.current.algorithm, 'EdDSA')
      const tokens = tokensOf(keys)
      assert.equal(decodeProtectedHeader(tokens.issue(subject)).alg, 'EdDSA')
      assert.ok(await tokens.verify(before), 'what the old one signed still verifies')
    })

    test('while the next key waits for its hour, nothing is rotated again', async () => {
      const first = (await open('ES256')).current.id
      const [scheduled] = [await open('EdDSA'), await open('EdDSA')]
      assert.equal(scheduled.current.id, first)
      assert.equal(published(scheduled).length, 3, 'the one that signs, the one that waits and the next')
      await at(15 * MINUTE)
      await scheduled.maintain()
      assert.equal(scheduled.current.algorithm, 'EdDSA')
      assert.equal(published(scheduled).length, 3, 'the one of before stays for what it signed')
    })

    test('of processes that differ in the algorithm the last to start decides, and they do not rotate in turns', async () => {
      const first = await open('EdDSA')
      const last = await open('ES256')
      for (let minute = 1; minute <= 60; minute++) {
        await at(minute * MINUTE)
        for (const keys of [first, last]) await keys.maintain()
        assert.ok(first.jwks.keys.length <= 3)
      }
      assert.deepEqual([first.current.algorithm, last.current.algorithm], ['ES256', 'ES256'])
      assert.deepEqual(await rotations(), ['algorithm'])
      assert.equal(warnings.length, 1, 'once, by the process that is outvoted')
      assert.match(warnings[0]!, /another AUTH_SIGNING_ALG/)
      await at(91 * DAY)
      await first.maintain()
      assert.deepEqual(algorithmsOf(first), ['ES256', 'ES256', 'ES256'], 'a rotation for age changes no algorithm')
      await open('EdDSA')
      await at(92 * DAY)
      for (const keys of [last, first]) await keys.maintain()
      assert.deepEqual([first.current.algorithm, last.current.algorithm], ['EdDSA', 'EdDSA'])
      assert.deepEqual(await rotations(), ['algorithm', 'age', 'algorithm'])
    })

    /** The algorithms that a process signs with, minute by minute, while all do their housekeeping. */
    async function signedWith(processes: SigningKeys[], from: number, to: number) {
      const algorithms: SigningAlgorithm[] = []
      for (let minute = from; minute <= to; minute++) {
        await at(minute * MINUTE)
        for (const keys of processes) await keys.maintain()
        assert.equal(new Set(processes.map(({ current }) => current.id)).size, 1)
        algorithms.push(processes[0]!.current.algorithm)
      }
      return algorithms
    }

    test('a change of the algorithm that was a mistake is taken back before its key signs', async () => {
      await open('ES256')
      await at(DAY)
      const mistaken = await open('EdDSA')
      await at(DAY + MINUTE)
      const corrected = await open('ES256')
      assert.deepEqual(algorithmsOf(corrected), ['ES256', 'ES256', 'ES256'])
      const [first, last] = [DAY / MINUTE + 2, DAY / MINUTE + 60]
      assert.deepEqual(new Set(await signedWith([corrected, mistaken], first, last)), new Set(['ES256']))
      assert.deepEqual(await rotations(), ['algorithm', 'algorithm'])
      assert.equal(warnings.length, 1, 'once, by the process that is mistaken')
      assert.match(warnings[0]!, /another AUTH_SIGNING_ALG/)
    })

    test('once it is taken back, a key that leaked is replaced by one of the right algorithm at once [R63]', async () => {
      await open('ES256')
      await open('EdDSA')
      await open('ES256')
      const command = SigningKeys.forCommand(optionsOf('EdDSA'))
      await command.rotate({ dropCurrent: true })
      assert.deepEqual(algorithmsOf(command), ['ES256', 'ES256'])
    })

    test('of processes that start one after the other the last decides, also when it had started before', async () => {
      await open('ES256')
      await open('EdDSA')
      const other = await open('ES256')
      await at(2 * MINUTE)
      const again = await open('EdDSA')
      const algorithms = await signedWith([again, other], 3, 60)
      assert.deepEqual(algorithms.slice(0, 14), Array(14).fill('ES256'))
      assert.deepEqual(algorithms.slice(14), Array(44).fill('EdDSA'))
      assert.deepEqual(await rotations(), ['algorithm', 'algorithm', 'algorithm'])
    })

    test('a change of the algorithm takes the place of a rotation that waits for its hour', async () => {
      const before = await open('ES256')
      await before.rotate({ dropCurrent: false })
      await at(MINUTE)
      const after = await open('EdDSA')
      assert.deepEqual(algorithmsOf(after), ['EdDSA', 'EdDSA', 'ES256'])
      const algorithms = await signedWith([before, after], 15, 16)
      assert.deepEqual(algorithms, ['ES256', 'EdDSA'])
      assert.deepEqual(await rotations(), ['command', 'algorithm'])
    })

    test('a key that signs within a minute is not taken back, since it may sign elsewhere already', async () => {
      await open('ES256')
      const mistaken = await open('EdDSA')
      await at(14 * MINUTE)
      const corrected = await open('ES256')
      assert.match(warnings.join(), /waits/)
      const algorithms = await signedWith([corrected, mistaken], 15, 60)
      assert.deepEqual(algorithms.slice(0, 15), Array(15).fill('EdDSA'))
      assert.deepEqual(algorithms.slice(15), Array(31).fill('ES256'))
      assert.deepEqual(await rotations(), ['algorithm', 'algorithm'])
    })

    test('a command makes keys of the algorithm that the service signs with, whatever its own setting', async () => {
      const service = await open('EdDSA')
      await SigningKeys.forCommand(optionsOf('RS256')).rotate({ dropCurrent: false })
      await SigningKeys.forCommand(optionsOf('RS256')).rotate({ dropCurrent: true })
      await service.maintain()
      assert.deepEqual(algorithmsOf(service), ['EdDSA', 'EdDSA'])
      assert.deepEqual(await rotations(), ['command'])
    })

    test('a sealed key in the place of another does not open [R62]', async () => {
      await open()
      await sql`update signing_key one set sealed_private_key = other.sealed_private_key
        from signing_key other where one.id <> other.id`.execute(database)
      await assert.rejects(open())
    })

    test('a new secret key in front reseals the keys, and the old one can go', async () => {
      const first = await open('ES256', key('k1'))
      assert.equal(await countSigningKeysSealedWith(database, 'k1'), 2)
      const both = `${key('k2')},${key('k1')}`
      await inTransaction(database, transaction => resealSigningKeys(transaction, KeyRing.parse(both).sealing))
      assert.equal((await open('ES256', both)).current.id, first.current.id)
      assert.equal(await countSigningKeysSealedWith(database, 'k1'), 0)
      const alone = await open('ES256', key('k2'))
      assert.equal(alone.current.id, first.current.id)
      await assert.rejects(open('ES256', `k3:${randomBytes(32).toString('base64')}`), /secret key k2/)
    })

    test('a dropped key signs in no process after its next load, also where the next one cannot be opened [R63]', async () => {
      const follower = await open()
      const leaked = follower.current.id
      const both = `${key('k2')},${key('k1')}`
      await inTransaction(database, transaction => resealSigningKeys(transaction, KeyRing.parse(both).sealing))
      await (await open('ES256', both)).rotate({ dropCurrent: true })
      await assert.rejects(follower.load(), UnavailableError, 'the next one is sealed with a key that it lacks')
      assert.throws(() => follower.current, UnavailableError)
      assert.throws(() => tokensOf(follower).issue(subject), UnavailableError)
      assert.ok(!published(follower).includes(leaked))
    })

    test('a process that could not load keys for five minutes signs no more until it can [R63]', async () => {
      const keys = await open()
      const { id } = keys.current
      await sql`alter table signing_key rename to signing_key_away`.execute(database)
      try {
        elapsed += 5 * MINUTE * 1_000
        await assert.rejects(keys.load())
        assert.equal(keys.current.id, id)
        elapsed += 1
        assert.throws(() => keys.current, UnavailableError)
      } finally {
        await sql`alter table signing_key_away rename to signing_key`.execute(database)
      }
      await keys.load()
      assert.equal(keys.current.id, id)
    })

    test('what a load that hung tells at last does not replace what a later one told', async () => {
      const [follower, operator] = [await open(), await open()]
      const hung = Promise.withResolvers<void>()
      const late = held(database, hung.promise)
      const slow = await SigningKeys.open({
        database: late.database,
        sealing: KeyRing.parse(key('k1')).sealing,
        algorithm: 'ES256',
        accessTokenTtl: 300,
      })
      late.hold()
      const first = slow.load()
      await late.held
      await operator.rotate({ dropCurrent: true })
      await slow.load()
      hung.resolve()
      await first
      assert.equal(slow.current.id, operator.current.id)
      await follower.load()
      assert.equal(follower.current.id, operator.current.id)
    })
  })
}

/** A database whose next result after `hold` comes when it is let go. */
function held(database: Database, letGo: Promise<void>) {
  let isHolding = false
  const { promise, resolve } = Promise.withResolvers<void>()
  const holding: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      if (isHolding) {
        isHolding = false
        resolve()
        await letGo
      }
      return result
    },
  }
  return {
    database: database.withPlugin(holding),
    held: promise,
    hold: () => {
      isHolding = true
    },
  }
}
