import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sql } from 'kysely'
import { Dependency } from '../../src/operation/readiness.ts'
import { probeWrite } from '../../src/storage/write-probe.ts'
import { DATABASES, openTestDatabase } from '../support/database.ts'

describe('a dependency of the service', () => {
  test('is checked once for all probes of a second, however many', async () => {
    let checks = 0
    const dependency = new Dependency(async () => void checks++)
    for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 100 }, () => dependency.state()))
    assert.equal(checks, 1)
  })

  test('is checked again at once after a failure, by one probe at a time', async () => {
    let checks = 0
    const dependency = new Dependency(async () => {
      checks++
      throw new Error('away')
    })
    for (let round = 1; round <= 3; round++) {
      const states = await Promise.all(Array.from({ length: 100 }, () => dependency.state()))
      assert.ok(states.every(({ state, okAt }) => state === 'failed' && okAt === undefined))
      assert.equal(checks, round)
    }
  })

  test('has failed when its check hangs, which is told', async () => {
    const missed: string[] = []
    const dependency = new Dependency(
      () => new Promise(() => {}),
      what => void missed.push(what),
    )
    assert.equal((await dependency.state()).state, 'failed')
    assert.deepEqual(missed, ['readiness_check'])
  })

  test('tells why it has failed once, until it was good again', async () => {
    let reason: Error | undefined = new Error('first')
    const told: unknown[] = []
    const dependency = new Dependency(
      async () => {
        if (reason) throw reason
      },
      undefined,
      error => void told.push(error),
    )
    await dependency.state()
    await dependency.state()
    assert.deepEqual(told, [new Error('first')])
    reason = undefined
    assert.equal((await dependency.state()).state, 'ok')
  })

  test('remembers when it was good', async () => {
    let isAway = true
    const dependency = new Dependency(async () => {
      if (isAway) throw new Error('away')
    })
    assert.equal((await dependency.state()).okAt, undefined)
    isAway = false
    const { checkedAt, okAt } = await dependency.state()
    assert.equal(okAt, checkedAt)
  })
})

for (const kind of DATABASES)
  test(`a proof that ${kind} accepts writes leaves no row behind`, async () => {
    await using opened = await openTestDatabase(kind)
    const where = async () => {
      const { rows } = await sql<{ place: string }>`select ctid::text as place from write_probe`.execute(
        opened.database,
      )
      return rows
    }
    const before = await where()
    for (let probe = 0; probe < 20; probe++) await probeWrite(opened.database)
    assert.deepEqual(await where(), before, 'the row is where it was')
    await sql`set default_transaction_read_only = on`.execute(opened.database)
    await assert.rejects(probeWrite(opened.database), { code: '25006' })
  })
