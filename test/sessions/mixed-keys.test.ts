import assert from 'node:assert/strict'
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { Counter, Registry } from 'prom-client'
import { KeyRing } from '../../src/secrets/key-ring.ts'
import { OtherKeys } from '../../src/secrets/other-keys.ts'
import { countSessionsWithTokenKey } from '../../src/sessions/session-store.ts'
import { type Exchange, Sessions } from '../../src/sessions/sessions.ts'
import { type Database, inTransaction } from '../../src/storage/database.ts'
import { UnavailableError } from '../../src/storage/unavailable.ts'
import { AccessTokens } from '../../src/tokens/access-token.ts'
import { DATABASES, freezeClock, type OpenedDatabase, openTestDatabase } from '../support/database.ts'

const GRACE = 30 // seconds
const DAY = 86_400 // seconds
const NETWORK = '192.0.2.1'
const key = (id: string) => `${id}:${Buffer.alloc(32, id).toString('base64')}`

for (const kind of DATABASES)
  describe(`while processes have different first keys, on ${kind},`, () => {
    let opened: OpenedDatabase
    let database: Database
    const account = { id: randomUUID(), revision: 1 }
    before(async () => {
      opened = await openTestDatabase(kind)
      database = opened.database
      await freezeClock(database, '2026-01-01T00:00:00Z')
      await sql`insert into account (id, email, status, confirmed_at, password_phc, password_pepper, password_version, locale)
        values (${account.id}, 'ann@example.com', 'active', now(), '', 'k1', 1, 'en')`.execute(database)
    })
    after(() => opened[Symbol.asyncDispose]())

    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const accessTokens = new AccessTokens({
      keys: { current: { id: 'any', algorithm: 'ES256', privateKey }, algorithms: ['ES256'], verification: undefined! },
      issuer: () => 'http://localhost',
      audience: () => 'http://localhost',
      clientId: 'default',
      ttl: 300,
      now: Date.now,
    })

    /** Ids of the keys that processes make with, as the database knows them. */
    let made = ['k1', 'k2']

    /** What a process with these secret keys has. @param ids such as `k2` or `k1:retired`, the one that makes first */
    function process(...ids: string[]): Sessions {
      const ring = KeyRing.parse(ids.map(id => id.replace(/^\w+/, key)).join(','))
      return new Sessions({
        database,
        refreshDatabase: database,
        keys: ring.beside(new OtherKeys(ring.ids, async () => made)).for('refresh-token'),
        accessTokens,
        lifetimes: { idle: 30 * DAY, absolute: 180 * DAY },
        mostPerAccount: 100,
        grace: GRACE,
        exchanges: new Counter({ name: 'exchanges', help: '…', labelNames: ['outcome'], registers: [new Registry()] }),
      })
    }

    async function signIn(sessions: Sessions): Promise<string> {
      await sql`delete from session`.execute(database)
      return (await inTransaction(database, transaction => sessions.start(transaction, account, NETWORK)))!.refreshToken
    }

    async function exchange(sessions: Sessions, token: string): Promise<string> {
      const exchanged = await sessions.exchange(token, NETWORK)
      return 'refused' in exchanged ? exchanged.refused : exchanged.refreshToken
    }

    const keyOf = (token: string) => /^authsvc_rt_(\w+)\./.exec(token)?.[1]
    const needing = (id: string) => countSessionsWithTokenKey(database, id)

    test('a refresh token that is repeated at another one gets the same successor, and no key is needed unseen [R42, R62]', async () => {
      const [older, newer, last] = [process('k1', 'k2'), process('k2', 'k1'), process('k2')]
      const token = await signIn(older)
      const successor = await exchange(newer, token)
      assert.equal(keyOf(successor), 'k2')
      assert.equal(await exchange(older, token), successor)
      assert.equal(await needing('k1'), 0)
      assert.equal(keyOf(await exchange(last, successor)), 'k2')
    })

    test('two tabs at two of them get one successor [R42]', async () => {
      const [older, newer] = [process('k1', 'k2'), process('k2', 'k1')]
      const token = await signIn(older)
      const [one, other] = await Promise.all([exchange(older, token), exchange(newer, token)])
      assert.equal(one, other)
      assert.equal(await needing(keyOf(one)!), 1)
    })

    test('a successor whose key is retired at this one is made with its own, and the row names that', async () => {
      const [older, newer] = [process('k1', 'k2'), process('k2', 'k1:retired')]
      const token = await signIn(newer)
      const rowOf = async () =>
        (await sql`select rotated_at, idle_expires_at, grace_floor from session`.execute(database)).rows
      assert.equal(keyOf(await exchange(older, token)), 'k1')
      const before = await rowOf()
      await freezeClock(database, '2026-01-01T00:00:10Z')
      const successor = await exchange(newer, token)
      assert.equal(keyOf(successor), 'k2')
      assert.deepEqual(await rowOf(), before, 'nothing else is changed')
      assert.deepEqual([await needing('k1'), await needing('k2')], [0, 1])
      assert.equal(await exchange(older, token), successor)
      assert.equal(keyOf(await exchange(newer, successor)), 'k2')
    })

    test('a successor whose key this one lacks is another one’s to make: 503, and nothing is changed', async () => {
      const [older, newer, lacking] = [process('k1', 'k2'), process('k2', 'k1'), process('k1')]
      const token = await signIn(older)
      const successor = await exchange(newer, token)
      const missing: Promise<Exchange> = lacking.exchange(token, NETWORK)
      await assert.rejects(missing, (error: Error) => error instanceof UnavailableError && /"k2"/.test(error.message))
      assert.equal(await exchange(newer, token), successor)
      assert.equal(await needing('k2'), 1)
    })

    test('a successor whose key is retired and left out at this one is made with its own once that is known', async () => {
      const [older, newer] = [process('k1', 'k2'), process('k2')]
      const token = await signIn(newer)
      assert.equal(keyOf(await exchange(older, token)), 'k1')
      made = ['k2']
      await assert.rejects(exchange(newer, token), UnavailableError, 'it looks the key up')
      const successor = await exchange(newer, token)
      assert.equal(keyOf(successor), 'k2')
      assert.deepEqual([await needing('k1'), await needing('k2')], [0, 1])
      assert.equal(keyOf(await exchange(newer, successor)), 'k2')
    })
  })
