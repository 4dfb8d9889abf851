import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { median, midRanks, separation } from '../../src/enumeration/statistics.ts'

describe('the statistics of latencies', () => {
  test('equal values share the mean of their ranks', () => {
    assert.deepEqual(midRanks([30, 10, 20, 20, 40]), [4, 1, 2.5, 2.5, 5])
    assert.deepEqual(midRanks([7, 7, 7]), [2, 2, 2])
    assert.deepEqual(midRanks([]), [])
  })

  test('the area is the share of pairs in which the second is above', () => {
    assert.equal(separation([1, 2, 3], [4, 5, 6]).auc, 1)
    assert.equal(separation([4, 5, 6], [1, 2, 3]).auc, 0)
    assert.equal(separation([1, 3], [2, 4]).auc, 0.75)
    assert.equal(separation([1, 2], [1, 2]).auc, 0.5)
    assert.equal(separation([5, 5, 5], [5, 5]).auc, 0.5)
  })

  test("the deviation is that of Mann and Whitney's test, as published tables have it", () => {
    // n = m = 5 without ties: U has the mean 12.5 and the variance 5·5·11/12.
    const { z } = separation([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])
    assert.ok(Math.abs(z - 12.5 / Math.sqrt((25 * 11) / 12)) < 1e-12)
    assert.ok(Math.abs(z - 2.611) < 1e-3)
  })

  test('ties make the variance smaller', () => {
    // Ranks 1.5, 1.5, 4, 4, 4, 6: one tie of two and one of three, so 6 + 24 is taken off.
    const { auc, z } = separation([1, 1, 2], [2, 2, 3])
    assert.ok(Math.abs(auc - 8 / 9) < 1e-12)
    const variance = (9 / 12) * (7 - 30 / 30)
    assert.ok(Math.abs(z - (8 - 4.5) / Math.sqrt(variance)) < 1e-12)
  })

  test('without any difference in the values there is no deviation', () => {
    assert.equal(separation([5, 5], [5, 5]).z, 0)
  })

  test("the confidence interval is DeLong's", () => {
    // 3 is below 4, so one of nine pairs is the wrong way round: the places are 1, 1, 2/3 and 2/3, 1, 1.
    const { auc, low, high } = separation([1, 2, 4], [3, 5, 6])
    assert.ok(Math.abs(auc - 8 / 9) < 1e-12)
    const places = [1, 1, 2 / 3]
    const mean = 8 / 9
    const variance = places.reduce((sum, place) => sum + (place - mean) ** 2, 0) / 2
    const reach = 1.959964 * Math.sqrt(variance / 3 + variance / 3)
    assert.ok(Math.abs(low - (auc - reach)) < 1e-9)
    assert.equal(high, 1)
  })

  const values = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 2, maxLength: 40 })

  test('the area is the one that counting all pairs gives', () =>
    fc.assert(
      fc.property(values, values, (first, second) => {
        const points = first.flatMap(a => second.map(b => (b > a ? 1 : b === a ? 0.5 : 0)))
        const counted = points.reduce<number>((sum, point) => sum + point, 0) / points.length
        assert.ok(Math.abs(separation(first, second).auc - counted) < 1e-9)
      }),
    ))

  test('the other way round, the area is what is left of one', () =>
    fc.assert(
      fc.property(values, values, (first, second) => {
        const [there, back] = [separation(first, second), separation(second, first)]
        assert.ok(Math.abs(there.auc + back.auc - 1) < 1e-9)
        assert.ok(Math.abs(there.z + back.z) < 1e-9)
      }),
    ))

  test('a group of one is refused', () => assert.throws(() => separation([1], [1, 2]), RangeError))

  test('the median of an even number is between the two in the middle', () => {
    assert.equal(median([3, 1, 2]), 2)
    assert.equal(median([4, 1, 3, 2]), 2.5)
  })
})
