import type { Axis } from '../experiment.ts'

/** Where values lie on an axis, from 0 to 1, and which of them are written beside it. */
export type Scale = { at(value: number): number; ticks: number[] }

const TICKS = 6 // about

/** A scale that all values lie on. A logarithmic one leaves out what is not above 0. */
export function scaleOf({ isLogarithmic }: Axis, values: readonly number[]): Scale {
  return isLogarithmic ? logarithmic(values.filter(value => value > 0)) : linear(values)
}

function linear(values: readonly number[]): Scale {
  const smallest = least(values)
  const from = smallest >= 0 && smallest < 0.5 * most(values) ? 0 : smallest
  const step = roundStep((most(values) - from) / TICKS || 1)
  const low = Math.floor(from / step) * step
  const high = Math.max(Math.ceil(most(values) / step) * step, low + step)
  const count = Math.round((high - low) / step)
  const ticks = Array.from({ length: count + 1 }, (_, index) => Number((low + index * step).toPrecision(12)))
  return { ticks, at: value => (value - low) / (high - low) }
}

function logarithmic(values: readonly number[]): Scale {
  const marks = [1, 2, 5]
  const decades = Math.log10(most(values) / least(values))
  const used = decades > 3 ? [1] : marks
  const below = (value: number) => markNear(value, used, 'below')
  const low = below(least(values))
  const high = Math.max(markNear(most(values), used, 'above'), low * 10)
  const ticks: number[] = []
  for (let decade = Math.floor(Math.log10(low)); decade <= Math.ceil(Math.log10(high)); decade++)
    for (const mark of used) {
      const tick = Number((mark * 10 ** decade).toPrecision(3))
      if (tick >= low && tick <= high) ticks.push(tick)
    }
  return { ticks, at: value => Math.log(Math.max(value, low) / low) / Math.log(high / low) }
}

function markNear(value: number, marks: readonly number[], side: 'below' | 'above'): number {
  const decade = 10 ** Math.floor(Math.log10(value))
  const all = [...marks, 10].map(mark => Number((mark * decade).toPrecision(3)))
  const found = side === 'below' ? all.findLast(mark => mark <= value) : all.find(mark => mark >= value)
  return found ?? decade
}

/** The next of 1, 2, 5, 10, 20, … */
function roundStep(step: number): number {
  const decade = 10 ** Math.floor(Math.log10(step))
  return decade * ([1, 2, 5].find(mark => mark * decade >= step) ?? 10)
}

// Not Math.min(...values): a plot may have more points than a call may have arguments.
const least = (values: readonly number[]) => values.reduce((a, b) => Math.min(a, b), values[0] ?? 1)
const most = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b), values[0] ?? 1)
