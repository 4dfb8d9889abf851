import type { Plot } from '../../test/proof/experiment.ts'
import type { Bars } from '../document/bars.ts'
import type { Subject } from '../subjects/subject.ts'

/** Something that is measured, with a section of its own in docs/benchmarks.md. */
export type Measurement = {
  title: string
  measure(bench: Bench): Promise<Figures>
}

/** What a measurement has to work with. */
export type Bench = {
  /** The PostgreSQL server of this run, which syncs what it commits. */
  postgres: { url: string }
  /** A mail server that drops what it gets. */
  smtpUrl: string
  subjects: readonly Subject[]
  /** How often everything is measured, in turn. */
  rounds: number
  /** A count or a number of seconds; a tenth of it in a quick run. */
  scaled(full: number): number
  /** Shows what was just found. */
  say(line: string): void
}

/** What was found. */
export type Figures = {
  /** How it was measured, in a few sentences. */
  how: string
  tables: Table[]
  /** Rows of the table of what is to be reached. */
  aims?: Aim[]
  remarks?: string[]
  plots?: Plot[]
  bars?: Bars[]
}

export type Table = { title?: string; columns: string[]; rows: string[][] }

/** Something to reach, and how far it was reached. */
export type Aim = {
  what: string
  /** In the words of the table. */
  atLeast: string
  aim: string
  found: string
  verdict: 'aim reached' | 'reached' | 'missed'
}

/** @param isBetter whether the first of two figures is at least as good as the second */
export function judge(
  found: number,
  { atLeast, aim }: { atLeast: number; aim: number },
  isBetter = (one: number, other: number) => one >= other,
): Aim['verdict'] {
  if (isBetter(found, aim)) return 'aim reached'
  return isBetter(found, atLeast) ? 'reached' : 'missed'
}
