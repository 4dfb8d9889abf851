/**
 * The value that a share of all lies at or below, by the nearest rank.
 * @param share 0.5 for the median
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** Such as `1.52 s (1.49–1.60)`: the median and the range. */
export function inSeconds(milliseconds: readonly number[]): string {
  const text = (value: number) => (value / 1_000).toFixed(2)
  const range = `${text(Math.min(...milliseconds))}–${text(Math.max(...milliseconds))}`
  return `${text(percentile(milliseconds, 0.5))} s (${range})`
}

/** Such as `2,180`. */
export const whole = (value: number): string => Math.round(value).toLocaleString('en')
