import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { type LockedSession, type Rotation, rotate, type Verdict } from '../../src/sessions/rotate.ts'
import { RotationBatches } from '../../src/sessions/rotation-batches.ts'
import { endSession, insertSession } from '../../src/sessions/session-store.ts'
import type { Database } from '../../src/storage/database.ts'
import { DATABASES, freezeClock, type OpenedDatabase, openTestDatabase } from '../support/database.ts'

const GRACE = 30
const DAY = 86_400
const SETTINGS = { grace: GRACE, idleTtl: 30 * DAY, tokenKey: 'k1', retiredKeys: [] }
const START = Date.parse('2026-01-01T00:00:00Z') // on the border of a grace period

for (const kind of DATABASES) {
  describe(`refresh token on ${kind}`, () => {
    let opened: OpenedDatabase
    let database: Database
    let accountId: string

    before(async () => {
      opened = await openTestDatabase(kind)
      database = opened.database
      accountId = randomUUID()
      await sql`insert into account (id, email, status, confirmed_at, password_phc, password_pepper, password_version, locale)
        values (${accountId}, 'ann@example.com', 'active', now(), '', 'k1', 1, 'en')`.execute(database)
    })
    after(() => opened[Symbol.asyncDispose]())

    const at = (seconds: number) => freezeClock(database, new Date(START + seconds * 1_000).toISOString())

    /** A session at its first token, and what becomes of tokens that are shown, as "verdict>generation". */
    async function session({ startsAt = 0 } = {}) {
      await at(startsAt)
      const started = await insertSession(database, {
        id: randomUUID(),
        accountId,
        accountRevision: 1,
        amr: ['pwd'],
        lifetimes: { idle: 30 * DAY, absolute: 180 * DAY },
        tokenKey: 'k1',
      })
      const { id } = started!
      const show = async (generation: number) =>
        summary((await rotate(database, [{ sessionId: id, generation }], SETTINGS))[0])
      return { id, show }
    }

    const summary = (rotation: Rotation | LockedSession | undefined) =>
      rotation?.verdict === 'locked' ? 'locked' : `${rotation?.verdict}>${rotation?.generation}`
    const refused = (verdict: Verdict, generation: number) => `${verdict}>${generation}`

    test('a token that came back after a lost answer is in grace from then on, however many came after it', async () => {
      const { show } = await session()
      await show(1)
      await at(3_600)
      assert.equal(await show(1), 'answer_lost>3')
      assert.equal(await show(3), 'current>4')
      assert.equal(await show(4), 'current>5')
      await at(3_600 + GRACE)
      assert.equal(await show(1), 'repeated>5')
      await at(3_600 + GRACE + 1)
      assert.equal(await show(1), 'reused>5')
    })

    test('the token that was skipped means theft also while the one that came back is in grace', async () => {
      const { show } = await session()
      await show(1)
      await at(3_600)
      await show(1)
      await show(3)
      assert.equal(await show(2), 'reused>4')
    })

    test('the current token is traded in for the next generation', async () => {
      const { show } = await session()
      assert.equal(await show(1), 'current>2')
      assert.equal(await show(2), 'current>3')
    })

    test('a token that is repeated within the grace gets the same successor', async () => {
      const { show } = await session()
      assert.equal(await show(1), 'current>2')
      await at(GRACE)
      assert.equal(await show(1), 'repeated>2')
    })

    test('a straggler of a burst gets the current token, however many came in between', async () => {
      for (const startsAt of [0, 10, 29]) {
        const { show } = await session({ startsAt })
        for (const generation of [1, 2, 3, 4, 5]) await show(generation)
        await at(startsAt + GRACE)
        assert.equal(await show(4), 'repeated>6', `4, started at ${startsAt}`)
        assert.equal(await show(1), 'repeated>6', `1, started at ${startsAt}`)
        assert.equal(await show(5), 'repeated>6', `5, started at ${startsAt}`)
      }
    })

    test('a token that was traded in more than two grace periods ago means theft [R43]', async () => {
      for (const startsAt of [0, 10, 29]) {
        const { show } = await session({ startsAt })
        await show(1)
        await show(2)
        await at(startsAt + 2 * GRACE)
        assert.equal(await show(1), refused('reused', 3), `started at ${startsAt}`)
      }
    })

    test('a token is in grace for one to two periods while others are traded in all the time', async () => {
      const { show } = await session()
      for (let second = 0; second < 200; second += 5) {
        await at(second)
        const generation = second / 5 + 1
        assert.equal(await show(generation), `current>${generation + 1}`)
        const traded = generation - GRACE / 5 // exactly one grace period ago
        if (traded >= 1) assert.equal(await show(traded), `repeated>${generation + 1}`)
      }
      await at(200 + 2 * GRACE)
      assert.equal(await show(30), refused('reused', 41))
    })

    test('a token leaves the grace after two periods also while others are traded in all the time', async () => {
      for (const last of [70, 75, 80, 85, 90, 95, 185]) {
        const { show } = await session()
        for (let second = 0; second <= last; second += 5) {
          await at(second)
          await show(second / 5 + 1)
        }
        const generation = last / 5 + 2
        const traded = (last - 2 * GRACE) / 5 + 1 // exactly two grace periods ago
        assert.equal(await show(traded), refused('reused', generation), `after ${last} s`)
      }
    })

    test('the predecessor that comes back later lost its answer: its unused successor is skipped [R44]', async () => {
      const { show } = await session()
      await show(1)
      await at(5 * 3_600)
      assert.equal(await show(1), 'answer_lost>3')
      assert.equal(await show(1), 'repeated>3', 'again, within the grace')
      assert.equal(await show(3), 'current>4')
    })

    test('an answer can be lost again and again [R44]', async () => {
      const { show } = await session()
      await show(1)
      for (const [hour, generation] of [
        [1, 3],
        [2, 4],
        [3, 5],
      ] as const) {
        await at(hour * 3_600)
        assert.equal(await show(1), `answer_lost>${generation}`)
      }
      assert.equal(await show(5), 'current>6')
    })

    test('a skipped token means theft, from the moment it is skipped [R43]', async () => {
      const { show } = await session()
      await show(1)
      await at(3_600)
      await show(1)
      assert.equal(await show(2), refused('reused', 3))
      assert.equal(await show(3), refused('reused', 3), 'the session has ended for the others too')
    })

    test('a skipped token means theft also after its successor was traded in [R43]', async () => {
      for (const later of [0, 10, GRACE, GRACE + 10]) {
        const { show } = await session()
        await show(1)
        await at(3_600)
        await show(1)
        await at(3_600 + later)
        await show(3)
        assert.equal(await show(2), refused('reused', 4), `${later} s later`)
      }
    })

    test('after a skip no older token is in grace any more', async () => {
      const { show } = await session({ startsAt: 0 })
      await show(1)
      await at(25)
      await show(2)
      await at(25 + GRACE + 1)
      assert.equal(await show(2), 'answer_lost>4')
      assert.equal(await show(1), refused('reused', 4))
    })

    test('the predecessor is spent once its successor was used', async () => {
      const { show } = await session()
      await show(1)
      await at(3_600)
      await show(2)
      await at(3_600 + 2 * GRACE)
      assert.equal(await show(1), refused('reused', 3))
    })

    test('thief and owner cannot both go on past the grace [R43]', async () => {
      const { show } = await session()
      assert.equal(await show(1), 'current>2', 'the thief trades in the copy')
      await at(3_600)
      assert.equal(await show(1), 'answer_lost>3', 'the owner comes with the same token')
      assert.equal(await show(2), refused('reused', 3), 'the thief has a skipped one')
    })

    test('a token ahead of the row, after a restored backup, is as good as the current one', async () => {
      const { show } = await session()
      await show(1)
      assert.equal(await show(7), 'current>8')
      assert.equal(await show(7), 'repeated>8')
      assert.equal(await show(2), refused('reused', 8))
    })

    test('an idle session expires, and each use puts that off [R45]', async () => {
      const { show } = await session()
      await at(29 * DAY)
      assert.equal(await show(1), 'current>2')
      await at(58 * DAY)
      assert.equal(await show(2), 'current>3')
      await at(88 * DAY)
      assert.equal(await show(3), refused('expired', 3))
    })

    test('a session expires at its absolute end however much it is used [R45]', async () => {
      const { show } = await session()
      for (let generation = 1; generation <= 8; generation++) {
        await at(generation * 20 * DAY)
        assert.equal(await show(generation), `current>${generation + 1}`)
      }
      await at(180 * DAY - 1)
      assert.equal(await show(9), 'current>10')
      await at(180 * DAY)
      assert.equal(await show(10), refused('expired', 10))
    })

    test('an ended session tells why: revoked or reused [R43]', async () => {
      const revoked = await session()
      await endSession(database, revoked.id, '192.0.2.1')
      assert.equal(await revoked.show(1), refused('revoked', 1))
      const reused = await session()
      await reused.show(1)
      await reused.show(2)
      await at(3_600)
      await reused.show(1)
      await endSession(database, reused.id, '192.0.2.1')
      assert.equal(await reused.show(3), refused('reused', 3), 'ending it again keeps the reason')
    })

    test('several cases in one batch are judged each for itself', async () => {
      const fresh = await session()
      const repeated = await session()
      const lost = await session()
      const stolen = await session()
      const revoked = await session()
      const sessions = [fresh, repeated, lost, stolen, revoked]
      for (const each of [lost, stolen]) await each.show(1)
      await stolen.show(2)
      await at(3_600)
      await repeated.show(1)
      await endSession(database, revoked.id, '192.0.2.1')
      const batch = sessions.map(({ id }) => ({ sessionId: id, generation: 1 }))
      const rotations = await rotate(database, [...batch, { sessionId: randomUUID(), generation: 1 }], SETTINGS)
      const verdictOf = (id: string) => summary(rotations.find(({ sessionId }) => sessionId === id))
      assert.equal(rotations.length, 5, 'an unknown session is not answered')
      assert.equal(verdictOf(fresh.id), 'current>2')
      assert.equal(verdictOf(repeated.id), 'repeated>2')
      assert.equal(verdictOf(lost.id), 'answer_lost>3')
      assert.equal(verdictOf(stolen.id), refused('reused', 3))
      assert.equal(verdictOf(revoked.id), refused('revoked', 1))
    })

    test('two tokens of one session that arrive together are judged one after the other [R42]', async () => {
      const { id, show } = await session()
      await show(1)
      const batches = new RotationBatches(presented => rotate(database, presented, SETTINGS))
      const verdicts = await Promise.all(
        [1, 2, 1, 2].map(async generation => summary(await batches.rotate({ sessionId: id, generation }))),
      )
      assert.deepEqual(new Set(verdicts.slice(1)), new Set(['current>3', 'repeated>3']))
      assert.match(verdicts[0]!, /^repeated>/)
      assert.equal(await show(3), 'current>4')
    })

    test('a skipped token and the predecessor that arrive together end the session [R43]', async () => {
      const { id, show } = await session()
      await show(1)
      await at(3_600)
      const batches = new RotationBatches(presented => rotate(database, presented, SETTINGS))
      const [first, second] = await Promise.all(
        [1, 2].map(async generation => summary(await batches.rotate({ sessionId: id, generation }))),
      )
      assert.equal(first, 'answer_lost>3')
      assert.equal(second, refused('reused', 3))
      assert.equal(await show(3), refused('reused', 3))
    })

    test('sessions that refresh while a batch is on its way share the statement after it', async () => {
      const sessions: Awaited<ReturnType<typeof session>>[] = []
      while (sessions.length < 30) sessions.push(await session())
      const sizes: number[] = []
      const batches = new RotationBatches(presented => {
        sizes.push(presented.length)
        return rotate(database, presented, SETTINGS)
      })
      const rotations = await Promise.all(sessions.map(({ id }) => batches.rotate({ sessionId: id, generation: 1 })))
      for (const rotation of rotations) assert.equal(summary(rotation), 'current>2')
      assert.deepEqual(sizes, [1, 29])
    })

    test('a conflict of one session with another transaction fails no other of its batch', async () => {
      const [conflicting, ...others] = [await session(), await session(), await session()]
      const batches = new RotationBatches(async presented => {
        if (presented.some(({ sessionId }) => sessionId === conflicting!.id))
          throw Object.assign(new Error('could not serialize access'), { code: '40001' })
        return rotate(database, presented, SETTINGS)
      })
      const shown = (each: { id: string }) => batches.rotate({ sessionId: each.id, generation: 1 })
      const [first, conflict, last] = await Promise.allSettled([others[0]!, conflicting!, others[1]!].map(shown))
      assert.equal(conflict!.status, 'rejected')
      for (const each of [first!, last!]) assert.equal(each.status === 'fulfilled' && summary(each.value), 'current>2')
    })

    test('after a conflict, the first refresh that the database does not answer in time is the last that waits for it', async () => {
      const sessions: Awaited<ReturnType<typeof session>>[] = []
      while (sessions.length < 6) sessions.push(await session())
      const timeout = Object.assign(new Error('canceling statement due to statement timeout'), { code: '57014' })
      const tried: string[][] = []
      const shown: Promise<unknown>[] = []
      const show = ({ id }: { id: string }) => {
        const told = batches.rotate({ sessionId: id, generation: 1 }).then(summary, error => error)
        shown.push(told)
        return told
      }
      const batches = new RotationBatches(async presented => {
        tried.push(presented.map(({ sessionId }) => sessionId))
        if (presented.length > 1) throw Object.assign(new Error('could not serialize access'), { code: '40001' })
        if (presented[0]!.sessionId !== sessions[2]!.id) return rotate(database, presented, SETTINGS)
        void show(sessions[5]!) // waits for the batch after
        throw timeout
      })
      await Promise.all(sessions.slice(0, 5).map(show))
      const [first, second, third, fourth, fifth] = sessions.map(({ id }) => id)
      assert.deepEqual(tried, [[first], [second, third, fourth, fifth], [second], [third]])
      assert.deepEqual(await Promise.all(shown), ['current>2', 'current>2', timeout, timeout, timeout, timeout])
      assert.equal(await show(sessions[3]!), 'current>2', 'who tries again later is served')
    })

    test('the next batch is sent before those of the last one are answered', async () => {
      const sessions = [await session(), await session()]
      const course: string[] = []
      const batches = new RotationBatches(presented => {
        course.push('sent')
        return rotate(database, presented, SETTINGS)
      })
      await Promise.all(
        sessions.map(async ({ id }) => {
          await batches.rotate({ sessionId: id, generation: 1 })
          course.push('answered')
        }),
      )
      assert.deepEqual(course, ['sent', 'sent', 'answered', 'answered'])
    })

    test('twenty requests with one token share one rotation, in one process and in several [R42, R89]', async () => {
      const { id, show } = await session()
      const processes = Array.from(
        { length: 4 },
        () => new RotationBatches(presented => rotate(database, presented, SETTINGS)),
      )
      const rotations = await Promise.all(
        Array.from({ length: 20 }, (_, index) => processes[index % 4]!.rotate({ sessionId: id, generation: 1 })),
      )
      assert.deepEqual(new Set(rotations.map(rotation => rotation!.generation)), new Set([2]))
      assert.ok(rotations.every(rotation => ['current', 'repeated'].includes(rotation!.verdict)))
      assert.equal(await show(2), 'current>3')
    })

    test('a rotation leaves no row behind', async () => {
      const { id, show } = await session()
      const count = async () =>
        (await sql<{ count: number }>`select count(*)::int as count from session`.execute(database)).rows[0]!.count
      const before = await count()
      for (let generation = 1; generation <= 20; generation++) await show(generation)
      assert.equal(await count(), before)
      const { rows } = await sql<{ generation: number }>`select generation from session where id = ${id}`.execute(
        database,
      )
      assert.equal(rows[0]!.generation, 21)
    })
  })
}
