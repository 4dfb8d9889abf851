import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, beforeEach, describe, test } from 'node:test'
import { sql } from 'kysely'
import { countPasswordsWithPepper } from '../../src/accounts/account-store.ts'
import { SEALED_STORES, SECRET_KEY_USES } from '../../src/open-storage.ts'
import { KeyRing } from '../../src/secrets/key-ring.ts'
import { insertPepper } from '../../src/secrets/pepper-store.ts'
import { Peppers } from '../../src/secrets/peppers.ts'
import { bindSecretKeys, checkSecretKeys, noteMakingKey, takeUpSecretKeys } from '../../src/secrets/secret-key-check.ts'
import { idsOfMadeKeys, knownSecretKeys } from '../../src/secrets/secret-key-store.ts'
import { secretKeyStatus } from '../../src/secrets/status.ts'
import { type Database, inTransaction } from '../../src/storage/database.ts'
import { UnavailableError } from '../../src/storage/unavailable.ts'
import { SigningKeys } from '../../src/tokens/signing-keys.ts'
import { DATABASES, freezeClock, type OpenedDatabase, openTestDatabase, shiftClock } from '../support/database.ts'

const MINUTE = 60 // seconds
const key = (id: string) => `${id}:${Buffer.alloc(32, id).toString('base64')}`
const ring = (...ids: string[]) => KeyRing.parse(ids.map(id => id.replace(/^\w+/, key)).join(',')) // k1:retired becomes k1:…:retired

for (const kind of DATABASES)
  describe(`secret keys on ${kind}`, () => {
    let opened: OpenedDatabase
    let database: Database
    before(async () => {
      opened = await openTestDatabase(kind)
      database = opened.database
    })
    after(() => opened[Symbol.asyncDispose]())
    beforeEach(async () => {
      for (const table of ['session', 'account', 'signing_key', 'pepper', 'secret_key'])
        await sql`delete from ${sql.table(table)}`.execute(database)
      await shiftClock(database, 0)
    })

    /** What a start does. */
    async function start(keys: KeyRing, { isShared = true } = {}) {
      const check = { keys, uses: SECRET_KEY_USES, isShared }
      await checkSecretKeys(database, check)
      const takenBack = await takeUpSecretKeys(database, check, SEALED_STORES)
      const signing = await SigningKeys.open({
        database,
        sealing: keys.sealing,
        algorithm: 'ES256',
        accessTokenTtl: 5 * MINUTE,
      })
      return { signing, peppers: await Peppers.open(database, keys), takenBack }
    }

    async function insertAccount(pepper: string): Promise<string> {
      const id = randomUUID()
      await sql`insert into account (id, email, locale, password_phc, password_pepper, password_version)
        values (${id}, ${`${id}@example.com`}, 'en', '', ${pepper}, 1)`.execute(database)
      return id
    }

    async function insertSession(tokenKey: string): Promise<void> {
      const account = await insertAccount('none')
      await sql`insert into session (id, account_id, amr, expires_at, idle_expires_at, token_key)
        values (${randomUUID()}, ${account}, 'pwd', auth_now() + interval '1 day', auth_now() + interval '1 day',
          ${tokenKey})`.execute(database)
    }

    const bytesOf = async (peppers: Peppers, id: string) => (await peppers.byId(id))?.export().toString('hex')

    test('are replaced with nobody entering a password: accept, make, retire, leave out', async () => {
      const first = await start(ring('k1'))
      const { id } = first.peppers.current
      await insertAccount(id)
      const bytes = await bytesOf(first.peppers, id)
      for (const step of [
        ['k1', 'k2'],
        ['k2', 'k1'],
        ['k2', 'k1:retired'],
      ]) {
        const { peppers, signing } = await start(ring(...step))
        assert.equal(await bytesOf(peppers, id), bytes)
        assert.equal(signing.current.id, first.signing.current.id)
      }
      await shiftClock(database, 3 * MINUTE)
      const { peppers, signing } = await start(ring('k2'))
      assert.equal(await bytesOf(peppers, id), bytes)
      assert.equal(signing.current.id, first.signing.current.id)
    })

    test('no key that another process lacks comes first', async () => {
      await start(ring('k1'))
      await assert.rejects(start(ring('k2', 'k1')), /never seen.*AUTH_SECRET_KEY=k1:…,k2:….*k2:…,k1:…/s)
      await start(ring('k2', 'k1'), { isShared: false }) // one process alone
    })

    test('in a backup from before a key was replaced, the new key comes first behind which all others are retired', async () => {
      const { id } = (await start(ring('k1'))).peppers.current
      await insertSession('k1')
      await shiftClock(database, 3 * MINUTE)
      for (const settings of [['k2'], ['k2', 'k1'], ['k2', 'k1:retired=2999-01-01T00:00:00Z']])
        await assert.rejects(
          start(ring(...settings)),
          /never seen.*no process uses takes, three minutes .*AUTH_SECRET_KEY=k2:…,k1:…:retired/s,
        )
      const { peppers, signing } = await start(ring('k2', 'k1:retired'))
      assert.ok(await bytesOf(peppers, id))
      assert.ok(signing.current)
      assert.deepEqual(await idsOfMadeKeys(database), ['k2'])
      await shiftClock(database, 6 * MINUTE)
      await start(ring('k2'))
    })

    test('a first key that was never seen is refused while any process makes, whatever the settings retire', async () => {
      await start(ring('k1', 'k3'))
      await shiftClock(database, 10 * MINUTE)
      await noteMakingKey(database, ring('k1', 'k3')) // as each process does every minute
      const before = await knownSecretKeys(database)
      await shiftClock(database, 12 * MINUTE)
      await assert.rejects(start(ring('k2', 'k1:retired', 'k3:retired')), /"k2", which this database has never seen/)
      const check = { keys: ring('k2', 'k1:retired', 'k3:retired'), uses: SECRET_KEY_USES, isShared: true }
      await assert.rejects(bindSecretKeys(database, check), /never seen/)
      assert.deepEqual(await knownSecretKeys(database), before)
    })

    test('a first key that was never seen is refused while another one is neither set as retired nor retired already', async () => {
      await start(ring('k0', 'k1'))
      await start(ring('k1', 'k0:retired'))
      await start(ring('k1', 'k3', 'k0:retired'))
      await shiftClock(database, 3 * MINUTE)
      await assert.rejects(start(ring('k2', 'k0:retired')), /never seen.*=k2:…,k0:…:retired,k1:…:retired/s)
      await assert.rejects(start(ring('k2', 'k1:retired', 'k3')), /never seen/)
      await start(ring('k2', 'k1:retired')) // k0 stays left out, and k3 never made anything
    })

    test('once a process has started on a backup with the old key retired, settings of before are refused', async () => {
      await start(ring('k1'))
      await shiftClock(database, 3 * MINUTE)
      await start(ring('k2', 'k1:retired'))
      for (const settings of [['k1'], ['k1', 'k2'], ['k2', 'k1']])
        await assert.rejects(start(ring(...settings)), /"k1" as .*, which is retired since/)
    })

    for (const isShared of [true, false])
      test(`a command that seals with a first key that was never seen notes that alone, ${isShared ? '' : 'not '}shared`, async () => {
        await start(ring('k1'), { isShared })
        await shiftClock(database, 3 * MINUTE)
        const [before] = await knownSecretKeys(database)
        await bindSecretKeys(database, { keys: ring('k2', 'k1:retired'), uses: SECRET_KEY_USES, isShared })
        const [k1, k2] = await knownSecretKeys(database)
        assert.deepEqual(k1, before)
        assert.deepEqual([k2!.id, k2!.madeAt, k2!.retiredAt], ['k2', null, null])
        await start(ring('k2', 'k1:retired'), { isShared })
      })

    test('a key that a process makes with is not left out, until it has stopped for minutes', async () => {
      await start(ring('k1', 'k2'))
      await start(ring('k2', 'k1'))
      await shiftClock(database, 10 * MINUTE)
      await noteMakingKey(database, ring('k1', 'k2')) // one that was overlooked
      await assert.rejects(start(ring('k2')), /"k1", which a process on this database made with at/)
      await shiftClock(database, 13 * MINUTE)
      await start(ring('k2'))
      await noteMakingKey(database, ring('k1', 'k2'))
      assert.deepEqual((await idsOfMadeKeys(database)).sort(), ['k1', 'k2'], 'it is known again')
    })

    test('a key that sessions need is not left out before it is retired, and its time has come', async () => {
      const at = (time: string) => freezeClock(database, `2030-01-01T${time}Z`)
      await at('00:00:00')
      await start(ring('k1', 'k2'))
      await insertSession('k1')
      await start(ring('k2', 'k1'))
      await at('01:00:00')
      await assert.rejects(start(ring('k2')), /"k1", which 1 sessions .* k1:…:retired/s)
      await start(ring('k2', 'k1:retired=2030-01-01T02:00:00Z'))
      await at('01:59:59')
      await assert.rejects(start(ring('k2')), /k1:…:retired=2030-01-01T02:00:00/)
      await at('02:00:00')
      await start(ring('k2'))
      assert.deepEqual(await idsOfMadeKeys(database), ['k2'])
    })

    test('nothing tells an operator to take a retired key back', async () => {
      await start(ring('k1', 'k2'))
      const keys = ring('k2', 'k1:retired')
      await start(keys)
      await assert.rejects(start(ring('k2')), /=k2:…,k1:…:retired before/)
      const steps = (await secretKeyStatus(database, keys, SECRET_KEY_USES)).map(({ next }) => next)
      assert.match(steps[1]!, /=k2:…,k1:…:retired$/)
      await sql`update secret_key set retired_at = null`.execute(database) // the database does not know of it yet
      for (const [setting, expected] of [
        ['k1:retired', /=k2:…,k1:…:retired$/],
        ['k1:retired=2999-01-01T00:00:00Z', /=k2:…,k1:…:retired=2999-01-01T00:00:00.000Z$/],
      ] as const)
        assert.match((await secretKeyStatus(database, ring('k2', setting), SECRET_KEY_USES))[1]!.next, expected)
      await start(keys)
      await insertPepper(database, { id: 'left', sealedKey: Buffer.alloc(1), sealedWith: 'k1', createdWith: 'k1' })
      await shiftClock(database, 10 * MINUTE)
      await assert.rejects(start(ring('k2')), /=k2:…,k1:…:retired;/)
    })

    const retiredAt = async () =>
      (await sql<{ at: Date | null }>`select retired_at as at from secret_key where id = 'k1'`.execute(database))
        .rows[0]?.at

    test('settings of before do not take a retired key back, whether it makes or only verifies by them', async () => {
      await start(ring('k1', 'k2'))
      await start(ring('k2', 'k1:retired'))
      const sealedWith = () => sql`select sealed_with from pepper union select sealed_with from signing_key`
      const before = [await retiredAt(), (await sealedWith().execute(database)).rows]
      for (const isShared of [true, false]) {
        const check = { uses: SECRET_KEY_USES, isShared }
        for (const [keys, found] of [
          [ring('k1', 'k2'), /"k1" as the first key, which is retired since .*k1:…:retired behind the first/s],
          [ring('k2', 'k1'), /"k1" as a key that verifies, which is retired since .*k1:…:unretired=/s],
          [ring('k2', 'k1:retired=2999-01-01T00:00:00Z'), /"k1" as a key that verifies, which is retired since /],
        ] as const) {
          await assert.rejects(checkSecretKeys(database, { keys, ...check }), found, 'for commands')
          await assert.rejects(takeUpSecretKeys(database, { keys, ...check }, SEALED_STORES), found, 'under the lock')
        }
      }
      assert.deepEqual([await retiredAt(), (await sealedWith().execute(database)).rows], before)
      await start(ring('k2', 'k1:retired'))
    })

    test('a retired key that was left out does not come back either', async () => {
      await start(ring('k1', 'k2'))
      await start(ring('k2', 'k1:retired'))
      await shiftClock(database, 3 * MINUTE)
      await start(ring('k2'))
      const known = await secretKeyStatus(database, ring('k2'), SECRET_KEY_USES)
      assert.deepEqual(
        known.map(({ id }) => id),
        ['k2'],
      )
      for (const isShared of [true, false])
        for (const keys of [ring('k1', 'k2'), ring('k2', 'k1')])
          await assert.rejects(start(keys, { isShared }), /"k1" as .*, which is retired since/)
    })

    test('one that is taken back after it was left out makes no process not ready before somebody makes with it', async () => {
      await start(ring('k1', 'k2'))
      await insertSession('k1')
      await start(ring('k2', 'k1:retired'))
      await shiftClock(database, 3 * MINUTE)
      await start(ring('k2'))
      const back = ring('k2', `k1:unretired=${(await retiredAt())!.toISOString()}`)
      assert.deepEqual((await start(back)).takenBack, ['k1'])
      assert.deepEqual(await idsOfMadeKeys(database), ['k2'])
      const [, status] = await secretKeyStatus(database, back, SECRET_KEY_USES)
      assert.match(status!.next, /^wait until no session needs it/)
      await start(ring('k1', 'k2'))
      assert.deepEqual((await idsOfMadeKeys(database)).sort(), ['k1', 'k2'])
    })

    test('one that a process makes with still is known as such when it is taken back', async () => {
      await start(ring('k1', 'k2'))
      await start(ring('k2', 'k1:retired'))
      await start(ring('k2', `k1:unretired=${(await retiredAt())!.toISOString()}`))
      assert.deepEqual((await idsOfMadeKeys(database)).sort(), ['k1', 'k2'])
    })

    test('a planned retirement is not said to be taken back by a process whose clock is behind', async () => {
      await freezeClock(database, '2030-01-01T00:00:00Z')
      await start(ring('k1', 'k2'))
      await start(ring('k2', 'k1:retired=2030-01-02T00:00:00Z'))
      await freezeClock(database, '2030-01-02T00:00:01Z')
      const text = [key('k2'), `${key('k1')}:retired=2030-01-02T00:00:00Z`].join(',')
      const behind = KeyRing.parse(text, () => Date.parse('2030-01-01T23:59:59Z'))
      assert.deepEqual((await start(behind)).takenBack, [])
      assert.equal((await retiredAt())?.toISOString(), '2030-01-02T00:00:00.000Z')
    })

    test('a retirement by mistake is taken back by its time, once, and one without a time holds from its first start', async () => {
      await freezeClock(database, '2030-01-01T00:00:00Z')
      await start(ring('k1', 'k2'))
      await start(ring('k2', 'k1:retired'))
      await freezeClock(database, '2030-01-02T00:00:00Z')
      await start(ring('k2', 'k1:retired'))
      assert.equal((await retiredAt())?.toISOString(), '2030-01-01T00:00:00.000Z')
      await assert.rejects(
        start(ring('k2', 'k1:unretired=2029-12-31T00:00:00Z')),
        /:unretired=2030-01-01T00:00:00.000Z/,
      )
      const back = ring('k2', 'k1:unretired=2030-01-01T00:00:00.000Z')
      assert.deepEqual((await start(back)).takenBack, ['k1'])
      assert.equal(await retiredAt(), null)
      assert.deepEqual((await start(back)).takenBack, [])
      assert.deepEqual((await start(ring('k2', 'k1'))).takenBack, [])
      await start(ring('k2', 'k1:retired'))
      await assert.rejects(start(back), /"k1" as a key that verifies/, 'a later retirement is another')
    })

    test('a retirement whose time is still to come is changed by the settings alone', async () => {
      await freezeClock(database, '2030-01-01T00:00:00Z')
      await start(ring('k1', 'k2'))
      await start(ring('k2', 'k1:retired=2030-01-02T00:00:00Z'))
      await start(ring('k2', 'k1:retired=2030-01-03T00:00:00Z'))
      assert.equal((await retiredAt())?.toISOString(), '2030-01-03T00:00:00.000Z')
      await start(ring('k2', 'k1'))
      assert.equal(await retiredAt(), null)
    })

    test('a key that peppers or signing keys are sealed with is not left out', async () => {
      await start(ring('k1'))
      await shiftClock(database, 3 * MINUTE)
      await inTransaction(database, transaction =>
        sql`insert into secret_key (id, check_value) values ('k2', ${Buffer.alloc(0)})`.execute(transaction),
      )
      await assert.rejects(start(ring('k3')), /never seen/)
      await assert.rejects(start(ring('k3'), { isShared: false }), /"k1", which 1 peppers, 2 signing keys/)
    })

    test('another key of the same id is refused', async () => {
      await start(ring('k1'))
      const other = KeyRing.parse(`k1:${Buffer.alloc(32, 'other').toString('base64')}`)
      await assert.rejects(start(other), /another key of the same id/)
    })

    test('the id of a retired key is used up, and nothing tells an operator to set that key again', async () => {
      await start(ring('k1', 'k2'))
      await start(ring('k2', 'k1:retired'))
      await shiftClock(database, 3 * MINUTE)
      await start(ring('k2'))
      const other = KeyRing.parse(`${key('k2')},k1:${Buffer.alloc(32, 'other').toString('base64')}`)
      await assert.rejects(start(other), ({ message }: Error) => {
        assert.match(message, /"k1" is used up.*retired since \d.*choose an id that was never used.*k1:…:retired/s)
        assert.doesNotMatch(message, /the key of before/)
        return true
      })
    })

    test('a database of before keeps its passwords: the derived pepper is imported', async () => {
      await start(ring('k1'))
      await sql`delete from pepper`.execute(database)
      await insertAccount('k1')
      const { peppers } = await start(ring('k1'))
      assert.equal(peppers.current.id, 'k1', 'which a process of the version before can verify')
      assert.equal(peppers.current.key.export().toString('hex'), ring('k1').derivedPepperOf('k1').toString('hex'))
      await start(ring('k1', 'k2'))
      await start(ring('k2', 'k1'))
      await start(ring('k2', 'k1:retired'))
      await shiftClock(database, 3 * MINUTE)
      const without = await start(ring('k2'))
      assert.equal(await bytesOf(without.peppers, 'k1'), ring('k1').derivedPepperOf('k1').toString('hex'))
    })

    test('a database of before whose key is missing is refused', async () => {
      await start(ring('k1'))
      await sql`delete from pepper`.execute(database)
      await sql`delete from signing_key`.execute(database)
      await insertAccount('k1')
      await assert.rejects(start(ring('k2'), { isShared: false }), /"k1", which 1 passwords/)
    })

    test('what the version before writes during an upgrade is verified', async () => {
      const { peppers } = await start(ring('k1'))
      assert.equal(await bytesOf(peppers, 'k1'), ring('k1').derivedPepperOf('k1').toString('hex'))
      assert.equal(await bytesOf(peppers, 'k9'), undefined)
    })

    test('a key that was retired before it made anything is not to be put in front', async () => {
      await start(ring('k1', 'k2:retired'))
      const [, retired] = await secretKeyStatus(database, ring('k1', 'k2:retired'), SECRET_KEY_USES)
      assert.match(retired!.next, /^leave it out/)
    })

    test('a retired key has no part in new passwords: who has had it may know the pepper', async () => {
      const { peppers: before } = await start(ring('k1', 'k2'))
      await start(ring('k2', 'k1'))
      const { peppers } = await start(ring('k2', 'k1:retired'))
      assert.notEqual(peppers.current.id, before.current.id)
      assert.equal((await start(ring('k2', 'k1:retired'))).peppers.current.id, peppers.current.id, 'and once only')
      assert.equal(await bytesOf(before, peppers.current.id), await bytesOf(peppers, peppers.current.id))
      assert.equal(before.current.id, peppers.current.id, 'other processes follow when they meet it')
      assert.equal(await countPasswordsWithPepper(database, before.current.id), 0)
    })

    test('a process that lacks the key of a pepper judges no password at all', async () => {
      const { peppers } = await start(ring('k1', 'k2'))
      const { id } = peppers.current
      const lagging = await Peppers.open(database, ring('k1'))
      await start(ring('k2', 'k1:retired'))
      assert.ok(await bytesOf(lagging, id), 'what it has opened stays')
      await lagging.load()
      assert.throws(() => lagging.current, UnavailableError)
      await assert.rejects(lagging.byId('another'), /"k2" is missing in AUTH_SECRET_KEY/)
      await assert.rejects((await Peppers.open(database, ring('k1'))).byId(id), UnavailableError)
    })

    test('that start at the same moment make one pepper', async () => {
      const started = await Promise.all(Array.from({ length: 5 }, () => start(ring('k1'))))
      assert.equal(new Set(started.map(({ peppers }) => peppers.current.id)).size, 1)
    })
  })
