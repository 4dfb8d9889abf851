import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SharedReading } from '../../src/operation/shared-reading.ts'

describe('a reading for metrics', () => {
  test('is shared by those who ask meanwhile and soon after', async () => {
    let reads = 0
    const reading = new SharedReading(async () => ++reads)
    assert.deepEqual(await Promise.all([reading.value(), reading.value()]), [1, 1])
    assert.equal(await reading.value(), 1)
  })

  test('that hangs is unknown, and is not begun again while it does', async () => {
    const { promise, resolve } = Promise.withResolvers<string>()
    let reads = 0
    const reading = new SharedReading(() => {
      reads++
      return promise
    })
    assert.deepEqual(await Promise.all([reading.value(), reading.value()]), [undefined, undefined])
    assert.equal(await reading.value(), undefined)
    assert.equal(reads, 1)
    resolve('at last')
    assert.equal(await reading.value(), 'at last')
  })

  test('that fails is unknown, and is tried again', async () => {
    let reads = 0
    const reading = new SharedReading(async () => {
      if (++reads === 1) throw new Error('the database is away')
      return 'back'
    })
    assert.equal(await reading.value(), undefined)
    assert.equal(await reading.value(), 'back')
  })
})
