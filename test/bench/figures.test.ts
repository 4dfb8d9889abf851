import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { latencyPlot } from '../../bench/measurements/growth/figures.ts'
import { tablesOf } from '../../bench/measurements/people/figures.ts'
import { aimsOf } from '../../bench/measurements/refreshes/aims.ts'
import type { Round, Sample } from '../../bench/measurements/refreshes/found.ts'
import { latencyPlots } from '../../bench/measurements/refreshes/pictures.ts'
import { loadTable, startTable } from '../../bench/measurements/refreshes/tables.ts'
import type { Subject } from '../../bench/subjects/subject.ts'

const subject = (name: string): Subject => ({
  name,
  adapter: { name: 'auth-service' },
  version: () => '1',
  setUp: 'Defaults.',
  start: () => Promise.reject(new Error('It is not started here')),
})

const sample = (connections: number, rate: number): Sample => ({
  ...{ connections, rate, p50: connections, p99: connections * 10 },
  ...{ service: 100, database: 50, wal: 170, commits: 0.5, memory: connections * 2, generator: 0.2 },
})
const round = (rate: number, startTime: number): Round => ({
  ...{ samples: [16, 64, 256].map(connections => sample(connections, rate)), startTime, idleMemory: 100 },
})
const elsewhere: Round = {
  samples: [16, 64, 256].map(connections => ({
    connections,
    rate: 50,
    p50: 1,
    p99: 2,
    memory: undefined,
    generator: 0,
  })),
  ...{ startTime: undefined, idleMemory: undefined },
}
const found = new Map([
  [subject('ceiling'), [round(1_000, 500), round(2_000, 500)]],
  [subject('this service'), [round(700, 1_500), round(1_000, 1_000)]],
  [subject('Keycloak'), [elsewhere, elsewhere]],
])

suite('the figures of refreshes', () => {
  test('compare within each round', () => {
    const [, own] = loadTable(found, 64).rows
    assert.deepEqual(own?.slice(0, 3), ['this service', '700 (700–1,000)', '0.50 (0.50–0.70)'])
    assert.equal(aimsOf(found)[0]?.found, '0.50 (0.50–0.70)')
  })

  test('tell the start and the memory of each, and a dash for what runs elsewhere', () => {
    assert.deepEqual(startTable(found).rows.slice(1), [
      ['this service', '1.00 (1.00–1.50)', '100 (100–100)', '128 (128–128)'],
      ['Keycloak', '–', '–', '–'],
    ])
    const latenciesAndCosts = loadTable(found, 64).rows.at(-1)!.slice(3, 8)
    assert.deepEqual(latenciesAndCosts, ['1.0 (1.0–1.0)', '2.0 (2.0–2.0)', '–', '–', '–'])
  })

  test('have no aim beside what was not measured', () => {
    assert.deepEqual(
      aimsOf(found).map(({ what }) => what),
      ['durable refreshes a second ÷ the ceiling without a database'],
    )
    assert.deepEqual(aimsOf(new Map()), [])
  })

  test('are drawn over the number of clients', () => {
    const [p50, p99] = latencyPlots(found)
    assert.deepEqual(p50?.lines[1]?.points, [[16, 16], [64, 64], [256, 256]]) // biome-ignore format: a point a pair
    assert.deepEqual(p99?.lines[1]?.points, [[16, 160], [64, 640], [256, 2_560]]) // biome-ignore format: a point a pair
  })
})

const measured = { count: 10, rate: 5, p50: 2, p90: 3, p99: 4, highest: 9 }

test('the figures of people have a dash where nobody can be confirmed', () => {
  const people = { 'sign-in': measured, confirm: undefined, 'sign-up': measured, bareHashes: 6 }
  const [, confirmations] = tablesOf(new Map([[subject('GoTrue'), [people]]]))
  assert.deepEqual(confirmations?.rows, [['GoTrue', '–', '–', '–']])
})

test('the figures of growth are drawn over thousands of sessions', () => {
  const table = { rows: 1, table: 1, indexes: 1, updates: 1, hotUpdates: 1 }
  const { lines } = latencyPlot([{ sessions: 10_000, rounds: [measured], before: table, after: table }])
  assert.deepEqual(lines.map(({ points }) => points), [[[10, 2]], [[10, 4]]]) // biome-ignore format: a point a pair
})
