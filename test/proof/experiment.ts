/**
 * A claim about the service, and how it is tried: by `npm test` in its short form, by `npm run prove` in full. The
 * figures of a full run stand in docs/proof.md.
 */
export type Experiment = {
  /** Short, stable and unique, such as `F1`; the figures are published under it. */
  id: string
  /** A few words. */
  title: string
  /** What the service promises, as one sentence. */
  claim: string
  /** The command that tries it in full: in minutes, or in hours. */
  command: 'prove' | 'prove:long'
  /** How many trials each form makes; of what, {@link Findings.unit} says. */
  trials: { short: number; full: number }
  /** The requirements that it proves, such as `R42` (docs/security/requirements.md). */
  proves?: string[]
  /** In full, {@link Trial.postgresUrl} syncs what it commits to a disk. For figures that depend on it. */
  isDurable?: boolean
  run(trial: Trial): Promise<Findings>
}

export type Trial = {
  trials: number
  /** Whatever is chosen at random is chosen by this, so that a failure can be repeated. */
  seed: number
  /** A PostgreSQL server on which the experiment makes databases of its own (see `createDatabase`). */
  postgresUrl: string
  /** An existing folder for histories and other evidence, as JSON Lines. */
  directory: string
  /** Is told how many trials are done. */
  progress(done: number, note?: string): void
}

export type Findings = {
  /** How many trials were made, for the bound: 0 of n means below 3/n, with 95 % confidence. */
  trials: number
  /** Of what: `kills`, `races`, `requests`. */
  unit: string
  /** What must not happen, or not often. */
  counted: Counted[]
  /** What was measured. Never asserted by `npm test`: machines are noisy. */
  measured: Measured[]
  plots?: Plot[]
  /** What a reader has to know to judge the figures; one sentence each. */
  remarks?: string[]
}

export type Counted = {
  /** What happened, such as `accounts without a letter`. */
  what: string
  count: number
  /** How many could have, such as the number of accounts. */
  of: number
  /** The claim fails above; 0 unless given. */
  atMost?: number
}

export type Measured = {
  what: string
  value: number
  /** `ms`, `MiB`, `/s`, or empty for a ratio. */
  unit: string
  /** What was promised: the value is to be below, or at least. */
  promised?: { below: number } | { atLeast: number }
}

export type Plot = {
  /** Unique within the experiment, for the name of its file. */
  name: string
  title: string
  x: Axis
  y: Axis
  lines: Line[]
  /** Parts of the x axis to shade, such as the time of an outage. */
  spans?: { from: number; to: number; label: string }[]
}

export type Axis = { label: string; isLogarithmic?: boolean }
export type Line = { label: string; points: (readonly [x: number, y: number])[] }

/** What breaks the claim. Measured figures are no part of it. */
export function violationsOf({ counted }: Findings): Counted[] {
  return counted.filter(({ count, atMost = 0 }) => count > atMost)
}
