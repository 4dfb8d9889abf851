import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Experiment, Findings, Line } from '../experiment.ts'

export const FOLDER = join(import.meta.dirname, '../../../docs/proof')

/** What one full run of an experiment found, as it is kept in docs/proof. */
export type Result = Pick<Experiment, 'id' | 'title' | 'claim' | 'command'> & {
  seed: number
  /** How many trials were asked for, and how many its full form has. */
  trials: { asked: number; full: number }
  /** What it took. */
  seconds: number
  /** The date, the commit, and what the figures depend on. Names no machine and no path. */
  machine: Record<string, string>
  /** How many cores other programs kept busy when it began. */
  busyBefore: number
  findings: Findings
}

const MOST_POINTS = 600 // a line, on 760 pixels

/** Keeps a result in place of the last one. */
export function storeResult(result: Result): void {
  const { plots, ...findings } = result.findings
  const kept: Result = {
    ...result,
    findings: {
      ...findings,
      ...(plots && { plots: plots.map(plot => ({ ...plot, lines: plot.lines.map(thinned) })) }),
    },
  }
  writeFileSync(join(FOLDER, `${result.id}.json`), `${serialised(kept)}\n`)
}

/** All results that are kept, by id. */
export function storedResults(): Map<string, Result> {
  const files = globSync('*.json', { cwd: FOLDER }).sort()
  return new Map(
    files.map(file => [basename(file, '.json'), JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Result]),
  )
}

// A point to a line would be most of the file.
function serialised(result: Result): string {
  return JSON.stringify(result, undefined, 2).replace(/\[\s+(-?[\d.e+-]+),\s+(-?[\d.e+-]+)\s+\]/g, '[$1, $2]')
}

/** The lowest and the highest point of each stretch: what stands out stays. */
function thinned({ label, points }: Line): Line {
  const rounded = points.map(([x, y]) => [significant(x), significant(y)] as const)
  if (rounded.length <= MOST_POINTS) return { label, points: rounded }
  const stretch = Math.ceil(rounded.length / (MOST_POINTS / 2))
  const kept = Array.from({ length: Math.ceil(rounded.length / stretch) }, (_, index) => {
    const part = rounded.slice(index * stretch, (index + 1) * stretch)
    const lowest = part.reduce((a, b) => (b[1] < a[1] ? b : a))
    const highest = part.reduce((a, b) => (b[1] > a[1] ? b : a))
    return [...new Set([lowest, highest])].sort((a, b) => a[0] - b[0])
  })
  return { label, points: kept.flat() }
}

const significant = (value: number): number => Number(value.toPrecision(5))
