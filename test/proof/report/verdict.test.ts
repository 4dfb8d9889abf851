import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Findings } from '../experiment.ts'
import { boundOf, verdictOf } from './verdict.ts'

const held: Findings = {
  trials: 20,
  unit: 'races',
  counted: [{ what: 'forks', count: 0, of: 20 }],
  measured: [{ what: 'p99', value: 24.9, unit: 'ms', promised: { below: 25 } }],
}

suite('a claim', () => {
  test('holds when nothing broke it and every promise was kept', () => {
    assert.deepEqual(verdictOf(held), { isHeld: true, broken: [], uncounted: [], missed: [] })
  })

  const short: Record<string, Partial<Findings>> = {
    'something happened that must not': { counted: [{ what: 'forks', count: 1, of: 20 }] },
    'something happened more often than allowed': { counted: [{ what: 'forks', count: 3, of: 20, atMost: 2 }] },
    'nothing could have happened': { counted: [{ what: 'forks', count: 0, of: 0 }] },
    'nothing was tried': { trials: 0 },
    'a value is not below what was promised': {
      measured: [{ what: 'p99', value: 25, unit: 'ms', promised: { below: 25 } }],
    },
    'a value does not reach what was promised': {
      measured: [{ what: 'rate', value: 99, unit: '/s', promised: { atLeast: 100 } }],
    },
    'a promised value could not be measured': {
      measured: [{ what: 'p99', value: Number.NaN, unit: 'ms', promised: { below: 25 } }],
    },
  }
  for (const [what, part] of Object.entries(short))
    test(`falls short when ${what}`, () => assert.equal(verdictOf({ ...held, ...part }).isHeld, false))
})

suite('the bound of a count', () => {
  const bounds: [count: number, of: number, bound: string][] = [
    [0, 20_524, 'below 0.015 %'],
    [0, 1_000, 'below 0.3 %'],
    [0, 10_000_000, 'below 0.00003 %'],
    [0, 2, 'below 100 %'],
    [0, 0, 'none tried'],
    [26, 20_524, '0.13 %'],
    [299, 300, '100 %'],
  ]
  for (const [count, of, bound] of bounds)
    test(`of ${count} of ${of} is: ${bound}`, () => assert.equal(boundOf({ count, of }), bound))
})
