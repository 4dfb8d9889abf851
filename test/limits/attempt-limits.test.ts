import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { Counter, Registry } from 'prom-client'
import { AttemptLimits, type CountedAttempt } from '../../src/limits/attempt-limits.ts'
import { deleteForgottenAttempts } from '../../src/limits/attempt-store.ts'
import { LimitRefusal } from '../../src/limits/errors.ts'
import { LIMITS } from '../../src/limits/limits.ts'
import { KeyRing } from '../../src/secrets/key-ring.ts'
import { DATABASES, freezeClock, type OpenedDatabase, openTestDatabase } from '../support/database.ts'
import { SECRET_KEY } from '../support/service.ts'

const START = Date.parse('2026-03-01T12:00:00Z')
const BURST = LIMITS.sign_in_by_device.burst
const QUARTER_HOUR = 900 // seconds

for (const kind of DATABASES)
  describe(`limits of attempts, on ${kind}`, () => {
    let opened: OpenedDatabase
    before(async () => {
      opened = await openTestDatabase(kind)
    })
    after(() => opened[Symbol.asyncDispose]())

    /** Limits that have counted nothing yet. */
    async function open({ database = opened.database, holdsOptional = true } = {}) {
      await database.deleteFrom('attempt_counter').execute()
      let now = START
      const refusals = new Counter({ name: 'refusals', help: 'h', labelNames: ['limit'], registers: [new Registry()] })
      const keys = KeyRing.parse(SECRET_KEY).for('attempt-counter')
      const options = { database, keys, holdsOptional, refusals, now: () => now }
      const elapse = async (seconds: number) => {
        now += seconds * 1_000
        await freezeClock(database, new Date(now).toISOString())
      }
      await elapse(0)
      return {
        database,
        attempts: new AttemptLimits(options),
        /** As another process sees them. */
        elsewhere: new AttemptLimits(options),
        elapse,
      }
    }

    const ofDevice = (id: string) => ({ sign_in_by_device: [id] })
    const refused = (limit: string, retryAfter: number) => (error: unknown) => {
      assert.ok(error instanceof LimitRefusal, String(error))
      assert.deepEqual({ ...error.facts }, { limit, retryAfter })
      return true
    }

    test('[R38] Of 200 parallel guesses, as many are made as the limit lets through', async () => {
      const limits = await open()
      const made = await Promise.allSettled(Array.from({ length: 200 }, () => limits.attempts.count(ofDevice('a'))))
      assert.equal(made.filter(({ status }) => status === 'fulfilled').length, BURST)
      await assert.rejects(limits.elsewhere.count(ofDevice('a')), refused('sign_in_by_device', 30))
    })

    test('[R36] Guessing on earns blocks that double, of a quarter of an hour at most, and each lets one guess through', async () => {
      const limits = await open()
      for (let count = 0; count < BURST; count++) await limits.attempts.count(ofDevice('a'))
      const blocks: number[] = []
      for (let round = 0; round < 12; round++) {
        const block: number = await limits.elsewhere.count(ofDevice('a')).then(
          () => assert.fail('it was not blocked'),
          error => error.facts.retryAfter,
        )
        blocks.push(block)
        await limits.elapse(block - 1)
        await assert.rejects(limits.elsewhere.count(ofDevice('a')), refused('sign_in_by_device', 1))
        await limits.elapse(2)
        await limits.attempts.count(ofDevice('a'))
      }
      assert.equal(blocks[0], 30)
      assert.ok(blocks.slice(1).every((block, index) => block >= blocks[index]!))
      assert.ok(blocks.every(block => block <= QUARTER_HOUR))
      assert.ok(blocks.at(-1)! > 0.9 * QUARTER_HOUR)
    })

    test('[R36] A block that was noted while the clock of the database, and of the process, was a month ahead ends when it is put right', async () => {
      const limits = await open()
      await limits.elapse(30 * 86_400)
      for (let count = 0; count < BURST; count++) await limits.attempts.count(ofDevice('a'))
      await assert.rejects(limits.attempts.count(ofDevice('a')), refused('sign_in_by_device', 30))
      await limits.elapse(-30 * 86_400)
      await limits.attempts.count(ofDevice('a'))
      await assert.rejects(limits.attempts.count(ofDevice('a')), refused('sign_in_by_device', 60))
    })

    test('[R36] A block is not ended by a transaction whose now() is a little behind', async () => {
      const limits = await open()
      const blocks = 12 // as many as the longest takes
      for (let count = 0; count < BURST; count++) await limits.attempts.count(ofDevice('a'))
      for (let block = 0; block < blocks; block++) {
        await limits.elapse(901)
        await limits.attempts.count(ofDevice('a'))
      }
      await limits.elapse(-5)
      await assert.rejects(limits.elsewhere.count(ofDevice('a')), LimitRefusal)
    })

    test('Time forgives one attempt after the other, and what is forgiven whole is deleted', async () => {
      const limits = await open()
      for (let count = 0; count < BURST; count++) await limits.attempts.count(ofDevice('a'))
      await limits.elapse(3 * LIMITS.sign_in_by_device.forgivenAfter)
      for (let count = 0; count < 3; count++) await limits.attempts.count(ofDevice('a'))
      await assert.rejects(limits.attempts.count(ofDevice('a')), LimitRefusal)
      assert.equal(await deleteForgottenAttempts(limits.database), 0)
      await limits.elapse((BURST + 1) * LIMITS.sign_in_by_device.forgivenAfter)
      assert.equal(await deleteForgottenAttempts(limits.database), 1)
    })

    test('[R36] A success clears what it is told to and gives back its own attempt elsewhere', async () => {
      const limits = await open()
      const attempt = { sign_in_by_address_and_network: ['a', 'n'], sign_in_by_address: ['a'] }
      for (let count = 0; count < BURST - 1; count++) await limits.attempts.count(attempt)
      const last = await limits.attempts.count(attempt)
      await assert.rejects(limits.elsewhere.count(attempt), LimitRefusal)
      await last.succeeded('sign_in_by_address_and_network')
      const rows = await limits.database.selectFrom('attempt_counter').select('level').execute()
      assert.deepEqual(rows, [{ level: BURST - 1 }])
      await limits.elapse(1) // so long another process may remember the block
      for (let count = 0; count < BURST; count++) await limits.elsewhere.count(attempt)
      await assert.rejects(limits.elsewhere.count(attempt), LimitRefusal)
    })

    test('An attempt that could not be made is given back', async () => {
      const limits = await open()
      const fault = new Error('no place')
      for (let count = 0; count < 3 * BURST; count++) {
        const attempt = await limits.attempts.count(ofDevice('a'))
        await assert.rejects(
          attempt.make(() => Promise.reject(fault)),
          fault,
        )
      }
      assert.equal(await (await limits.attempts.count(ofDevice('a'))).make(async () => 'made'), 'made')
    })

    for (const [what, takeBack] of Object.entries({
      succeeded: (attempt: CountedAttempt) => attempt.succeeded(),
      'could not be made': (attempt: CountedAttempt) => attempt.make(() => Promise.reject(new Error())).catch(() => {}),
    }))
      test(`[R36] An attempt that ${what} after a block has ended changes nothing for the next, which would tell of it`, async () => {
        const nextBlock = async (own?: (attempt: CountedAttempt) => Promise<unknown>) => {
          const limits = await open()
          for (let count = 0; count < BURST; count++) await limits.attempts.count(ofDevice('a'))
          await limits.elapse(31)
          if (own) await own(await limits.attempts.count(ofDevice('a')))
          await limits.elapse(1)
          await limits.elsewhere.count(ofDevice('a'))
          return limits.attempts.count(ofDevice('a')).catch(error => error.facts)
        }
        assert.deepEqual(await nextBlock(takeBack), await nextBlock())
      })

    test('An attempt that is taken back late leaves the block of one that came after it', async () => {
      const limits = await open()
      for (let count = 0; count < BURST; count++) await limits.attempts.count(ofDevice('a'))
      await limits.elapse(31)
      const late = await limits.attempts.count(ofDevice('a'))
      await limits.elapse(60)
      await limits.elsewhere.count(ofDevice('a'))
      await late.succeeded()
      await assert.rejects(limits.attempts.count(ofDevice('a')), LimitRefusal)
    })

    test('An attempt that one of its limits blocks leaves no block on the others', async () => {
      const limits = await open()
      for (let count = 0; count < BURST; count++) await limits.attempts.count(ofDevice('a'))
      await limits.elapse(31)
      const network = { sign_in_by_network: ['n'] }
      for (let count = 0; count < LIMITS.sign_in_by_network.burst; count++) await limits.attempts.count(network)
      await assert.rejects(limits.attempts.count({ ...ofDevice('a'), ...network }), refused('sign_in_by_network', 10))
      await limits.attempts.count(ofDevice('a'))
    })

    test('An attempt that one of its limits blocks counts on none of them', async () => {
      const limits = await open()
      for (let count = 0; count < BURST; count++) await limits.attempts.count(ofDevice('a'))
      const both = { ...ofDevice('a'), sign_in_by_address: ['x'] }
      for (let count = 0; count < 200; count++)
        await assert.rejects(limits.elsewhere.count(both), refused('sign_in_by_device', 30))
      for (let count = 0; count < LIMITS.sign_in_by_address.burst; count++)
        await limits.attempts.count({ sign_in_by_address: ['x'] })
    })

    test('[R36] Whoever is blocked by a limit of their own neither sees nor touches one that others share', async () => {
      const refusalWhere = async (isSharedBlocked: boolean) => {
        const limits = await open()
        const own = { sign_in_by_network: ['n'] }
        const shared = { sign_in_by_address: ['x'] }
        for (let count = 0; count < LIMITS.sign_in_by_address.burst; count++) await limits.attempts.count(shared)
        await limits.elapse(31)
        for (let count = 0; count < LIMITS.sign_in_by_network.burst; count++) await limits.attempts.count(own)
        if (isSharedBlocked) await limits.attempts.count(shared)
        const counters = () => limits.database.selectFrom('attempt_counter').selectAll().orderBy('key').execute()
        const before = await counters()
        const refusals: unknown[] = []
        for (const process of [limits.elsewhere, limits.attempts, limits.elsewhere])
          await process.count({ ...own, ...shared }).catch(({ facts, found }) => refusals.push({ facts, found }))
        assert.deepEqual(await counters(), before)
        await limits.elapse(1) // so long its own block is remembered
        const ofAnother = limits.elsewhere.count({ sign_in_by_network: ['other'], ...shared })
        await (isSharedBlocked ? assert.rejects(ofAnother, LimitRefusal) : ofAnother)
        await limits.elsewhere.count({ ...own, ...shared }).catch(({ facts, found }) => refusals.push({ facts, found }))
        return refusals
      }
      const blocked = await refusalWhere(true)
      const facts = { limit: 'sign_in_by_network', retryAfter: 10 }
      const fresh = { facts, found: 'sign_in_by_network' }
      const later = { facts: { ...facts, retryAfter: 9 }, found: 'sign_in_by_network' }
      assert.deepEqual(blocked, [fresh, fresh, { facts, found: undefined }, later])
      assert.deepEqual(blocked, await refusalWhere(false))
    })

    test('A block that was noted while the clock was ahead is not named either', async () => {
      const limits = await open()
      await limits.attempts.count(ofDevice('a'))
      await limits.database
        .updateTable('attempt_counter')
        .set({ blocked_until: new Date(START + 86_400_000) })
        .execute()
      const network = { sign_in_by_network: ['n'] }
      for (let count = 0; count < LIMITS.sign_in_by_network.burst; count++) await limits.attempts.count(network)
      await assert.rejects(limits.attempts.count({ ...ofDevice('a'), ...network }), refused('sign_in_by_network', 10))
    })

    test('The limits by network can be switched off, and no other', async () => {
      const limits = await open({ holdsOptional: false })
      for (let count = 0; count < 2 * LIMITS.sign_up_by_network.burst; count++)
        await limits.attempts.count({ sign_up_by_network: ['n'] })
      assert.deepEqual(await limits.database.selectFrom('attempt_counter').select('level').execute(), [])
      for (let count = 0; count < BURST; count++) await limits.attempts.count(ofDevice('a'))
      await assert.rejects(limits.attempts.count(ofDevice('a')), LimitRefusal)
    })

    test('[R86] Where the database fails, nothing is let through', async () => {
      const own = await openTestDatabase(kind)
      const limits = await open({ database: own.database })
      await own[Symbol.asyncDispose]()
      await assert.rejects(limits.attempts.count(ofDevice('a')), error => !(error instanceof LimitRefusal))
    })

    test('Counters of other subjects stay apart, however these are put together', async () => {
      const limits = await open()
      const subjects = fc.array(fc.string({ maxLength: 3 }), { minLength: 1, maxLength: 3 })
      await fc.assert(
        fc.asyncProperty(subjects, subjects, async (one, other) => {
          fc.pre(JSON.stringify(one) !== JSON.stringify(other))
          await limits.database.deleteFrom('attempt_counter').execute()
          await limits.attempts.count({ sign_in_by_device: one })
          await limits.attempts.count({ sign_in_by_device: other })
          const rows = await limits.database.selectFrom('attempt_counter').select('level').execute()
          assert.deepEqual(rows, [{ level: 1 }, { level: 1 }])
        }),
        { numRuns: 50 },
      )
    })
  })
