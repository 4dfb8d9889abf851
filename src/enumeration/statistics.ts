/** How well one group of measurements can be told from another. */
export type Separation = {
  /** How often a value of the second group is above one of the first, ties counting half; 0.5 says nothing. */
  auc: number
  /** The 95 % confidence interval of it. */
  low: number
  high: number
  /** How many standard deviations off 0.5, if the groups were the same. */
  z: number
  counts: readonly [first: number, second: number]
}

const Z_95 = 1.959964 // of the normal distribution, both sides

/**
 * The area under the ROC curve from the ranks, which is Mann–Whitney's U over the number of pairs (Mann and Whitney
 * 1947), with DeLong's confidence interval, which assumes no distribution (DeLong et al. 1988). `z` is of Mann–Whitney's
 * test, with the variance corrected for ties.
 *
 * @throws {RangeError} when a group has fewer than two values
 */
export function separation(first: readonly number[], second: readonly number[]): Separation {
  if (first.length < 2 || second.length < 2) throw new RangeError('each group needs two values at least')
  const [n, m] = [first.length, second.length]
  const ranks = midRanks([...first, ...second])
  const [firstRanks, secondRanks] = [midRanks(first), midRanks(second)]
  // For each value, the share of the other group that it is ordered with as the area has it.
  const firstPlaces = firstRanks.map((own, index) => 1 - (ranks[index]! - own) / m)
  const secondPlaces = secondRanks.map((own, index) => (ranks[n + index]! - own) / n)

  const auc = mean(secondPlaces)
  const reach = Z_95 * Math.sqrt(variance(firstPlaces) / n + variance(secondPlaces) / m)
  const deviation = Math.sqrt(varianceOfU(ranks, n, m)) / (n * m)
  return {
    auc,
    low: Math.max(0, auc - reach),
    high: Math.min(1, auc + reach),
    z: deviation === 0 ? 0 : (auc - 0.5) / deviation,
    counts: [n, m],
  }
}

/** The rank of each value, from 1; those that are equal share the mean of theirs. */
export function midRanks(values: readonly number[]): number[] {
  const order = values.map((_, index) => index).sort((a, b) => values[a]! - values[b]!)
  const ranks = new Array<number>(values.length)
  for (let start = 0, end = 0; start < order.length; start = end) {
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++
    for (let place = start; place < end; place++) ranks[order[place]!] = (start + 1 + end) / 2
  }
  return ranks
}

/** The value in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function varianceOfU(ranks: readonly number[], n: number, m: number): number {
  const all = n + m
  const sizes = new Map<number, number>()
  for (const rank of ranks) sizes.set(rank, (sizes.get(rank) ?? 0) + 1)
  const ties = [...sizes.values()].reduce((sum, size) => sum + (size ** 3 - size), 0)
  return ((n * m) / 12) * (all + 1 - ties / (all * (all - 1)))
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

function variance(values: readonly number[]): number {
  const center = mean(values)
  return values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1)
}
