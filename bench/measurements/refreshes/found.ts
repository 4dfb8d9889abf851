import type { Subject } from '../../subjects/subject.ts'
import type { Cost } from '../measured-refreshes.ts'
import { median } from '../spread.ts'

export const CONNECTIONS = [16, 64, 256]
/** Connections at which the subjects are compared. */
export const COMPARED_AT = 64

/** One load on one subject. What is undefined could not be looked at. */
export type Sample = Cost & {
  connections: number
  /** A second. */
  rate: number
  /** Milliseconds. */
  p50: number
  p99: number
  /** MiB that the process held resident when the load had ended. */
  memory: number | undefined
  /** Cores that the load generator took. */
  generator: number
}

/** One subject in one round. */
export type Round = {
  /** One for each number of connections. */
  samples: Sample[]
  /** Milliseconds until the first answer; undefined where it ran already. */
  startTime: number | undefined
  /** MiB that the process held resident before the first refresh; undefined where it ran already. */
  idleMemory: number | undefined
}

export type Found = Map<Subject, Round[]>
type Pick = (sample: Sample) => number | undefined

/** What each round found at so many connections, where it could be looked at. */
export function atConnections(rounds: readonly Round[], connections: number, pick: Pick): number[] {
  const samples = rounds.flatMap(round => round.samples.filter(sample => sample.connections === connections))
  return samples.map(pick).filter(value => value !== undefined)
}

/** The median of all rounds. */
export const medianAt = (rounds: readonly Round[], connections: number, pick: Pick): number =>
  median(atConnections(rounds, connections, pick))

/** The rounds of a subject, none where it was not measured. */
export const roundsOf = (found: Found, name: string): readonly Round[] =>
  [...found].find(([subject]) => subject.name === name)?.[1] ?? []

/** The rates of one subject ÷ those of another, within each round; none where the other was not measured. */
export function rateRatios(rounds: readonly Round[], others: readonly Round[], connections: number): number[] {
  const rates = atConnections(others, connections, ({ rate }) => rate)
  if (rates.length === 0) return []
  return atConnections(rounds, connections, ({ rate }) => rate).map((rate, round) => rate / rates[round]!)
}
