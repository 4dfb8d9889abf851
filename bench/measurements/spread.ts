import { percentile } from '../../test/measuring/statistics.ts'

/** The median of a few rounds; of two, the lower. */
export const median = (values: readonly number[]): number => percentile(values, 0.5)

/** Such as `5,289 (5,101–5,340)`: the median and the range of the rounds. */
export function spread(values: readonly number[], digits = 0): string {
  const text = (value: number) =>
    value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
  if (values.length === 0) return '–'
  if (values.length === 1) return text(values[0]!)
  return `${text(median(values))} (${text(Math.min(...values))}–${text(Math.max(...values))})`
}
