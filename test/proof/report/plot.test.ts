import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Plot } from '../experiment.ts'
import { drawPlot } from './plot.ts'
import { scaleOf } from './scale.ts'

const plot: Plot = {
  ...{ name: 'latency', title: 'Refreshes under <load>', x: { label: 'time (s)' }, y: { label: 'latency (ms)' } },
  lines: [
    { label: 'p50', points: [[0, 5], [10, 10]] }, // biome-ignore format: a point a pair
    { label: 'p99', points: [[0, 0], [10, 100]] }, // biome-ignore format: a point a pair
  ],
  spans: [{ from: 2, to: 8, label: 'flood' }],
}

suite('a drawing', () => {
  test('has its title, the labels of its axes, a legend, and its spans', () => {
    const drawing = drawPlot(plot)
    for (const words of ['Refreshes under &lt;load&gt;', 'time (s)', 'latency (ms)', 'p50', 'p99', 'flood'])
      assert.ok(drawing.includes(`>${words}</text>`), words)
    assert.equal(drawing.match(/<polyline/g)?.length, 2)
    assert.equal(drawing.match(/class="span"/g)?.length, 1)
  })

  test('draws high values high, and later ones further to the right', () => {
    const [, first = ''] = /<polyline[^>]* points="([^"]+)"/.exec(drawPlot(plot)) ?? []
    const [[x1 = 0, y1 = 0] = [], [x2 = 0, y2 = 0] = []] = first.split(' ').map(pair => pair.split(',').map(Number))
    assert.ok(x2 > x1)
    assert.ok(y2 < y1)
  })

  test('marks each point, where that is asked for', () => {
    assert.equal(drawPlot(plot, { marksPoints: true }).match(/<circle/g)?.length, 4)
    assert.doesNotMatch(drawPlot(plot), /<circle/)
  })

  test('follows the choice of light or dark', () => {
    assert.match(drawPlot(plot), /prefers-color-scheme: dark/)
  })

  test('leaves out of a logarithmic axis what it cannot show', () => {
    const drawing = drawPlot({ ...plot, y: { label: 'ms', isLogarithmic: true } })
    assert.doesNotMatch(drawing, /NaN|Infinity/)
    assert.equal(
      drawing
        .match(/<polyline[^>]* points="([^"]*)"/g)
        ?.at(-1)
        ?.match(/,/g)?.length,
      1,
    )
  })

  test('can be made of nothing', () => {
    assert.doesNotMatch(drawPlot({ ...plot, lines: [{ label: 'none', points: [] }] }), /NaN|Infinity/)
    const one = { ...plot, lines: [{ label: 'one', points: [[3, 3] as const] }], spans: [] }
    assert.doesNotMatch(drawPlot(one), /NaN|Infinity/)
  })
})

suite('an axis', () => {
  test('has round ticks around all values', () => {
    assert.deepEqual(scaleOf({ label: '' }, [3, 97]).ticks, [0, 20, 40, 60, 80, 100])
    assert.deepEqual(scaleOf({ label: '', isLogarithmic: true }, [3, 450]).ticks, [2, 5, 10, 20, 50, 100, 200, 500])
  })

  test('has its ends at 0 and 1', () => {
    const { at } = scaleOf({ label: '', isLogarithmic: true }, [1, 1_000])
    assert.deepEqual([at(1), at(1_000)], [0, 1])
  })
})
