import { type Counted, type Findings, type Measured, violationsOf } from '../experiment.ts'

/** What came of a claim: what broke it, and which figures are worse than promised. */
export type Verdict = { isHeld: boolean; broken: Counted[]; uncounted: Counted[]; missed: Measured[] }

/** Judges a claim. What could not have happened proves nothing, and what was not measured keeps no promise. */
export function verdictOf(findings: Findings): Verdict {
  const broken = violationsOf(findings)
  const uncounted = findings.counted.filter(({ of }) => of === 0)
  const missed = findings.measured.filter(({ value, promised }) => promised && !isKept(value, promised))
  const isHeld = broken.length + uncounted.length + missed.length === 0 && findings.trials > 0
  return { isHeld, broken, uncounted, missed }
}

/** Whether a measured value is what was promised. */
export function isKept(value: number, promised: NonNullable<Measured['promised']>): boolean {
  return 'below' in promised ? value < promised.below : value >= promised.atLeast
}

/**
 * What the count says about the true share, with 95 % confidence: that none was seen among n only bounds it by 3/n
 * (the rule of three).
 */
export function boundOf({ count, of }: Pick<Counted, 'count' | 'of'>): string {
  if (of === 0) return 'none tried'
  return count === 0 ? `below ${percent(Math.min(1, 3 / of))}` : percent(count / of)
}

/** Such as `0.015 %`: two digits that mean something. */
export function percent(share: number): string {
  const value = share * 100
  return `${value >= 10 ? Math.round(value) : decimal(value)} %`
}

function decimal(value: number): string {
  const [digits = '', exponent = '0'] = value.toExponential(1).split('e')
  const places = Math.max(0, 1 - Number(exponent))
  return places > 8 ? `${digits}e${exponent}` : String(Number(value.toFixed(places)))
}
