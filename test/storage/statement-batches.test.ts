import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import { StatementBatches } from '../../src/storage/statement-batches.ts'
import { UnavailableError } from '../../src/storage/unavailable.ts'

describe('what many record at once', () => {
  test('is one statement for all that arrived while the one before was under way', async () => {
    const first = Promise.withResolvers<void>()
    const statements: (readonly number[])[] = []
    const batches = new StatementBatches<number>(items => {
      statements.push(items)
      return statements.length === 1 ? first.promise : Promise.resolve()
    })
    const adding = Array.from({ length: 100 }, (_, item) => batches.add(item))
    await immediate()
    assert.deepEqual(statements, [[0]])
    first.resolve()
    await Promise.all(adding)
    assert.deepEqual(
      statements.map(({ length }) => length),
      [1, 99],
    )
  })

  const faults = {
    'that the database refuses': new Error('refused'),
    'whose row another transaction keeps locked': Object.assign(new Error('canceled'), { code: '57014' }),
  }
  for (const [which, fault] of Object.entries(faults))
    test(`is not kept from being recorded by one item ${which}`, async () => {
      const batches = new StatementBatches<number>(async items => {
        if (items.includes(7)) throw fault
      })
      const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, item) => batches.add(item)))
      assert.deepEqual(
        outcomes.flatMap(({ status }, item) => (status === 'rejected' ? item : [])),
        [7],
      )
    })

  test('is tried once for all while the database is away', async () => {
    let statements = 0
    const batches = new StatementBatches<number>(async () => {
      statements++
      throw new UnavailableError('away')
    })
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, item) => batches.add(item)))
    assert.ok(outcomes.every(({ status }) => status === 'rejected'))
    assert.equal(statements, 2)
  })
})
