import type { Table } from '../measurement.ts'
import { spread } from '../spread.ts'
import { atConnections, COMPARED_AT, type Found, type Round, rateRatios, roundsOf, type Sample } from './found.ts'

const COLUMNS: { title: string; digits: number; pick(sample: Sample): number | undefined }[] = [
  { title: 'p50 (ms)', digits: 1, pick: ({ p50 }) => p50 },
  { title: 'p99 (ms)', digits: 1, pick: ({ p99 }) => p99 },
  { title: 'service (µs)', digits: 0, pick: ({ service }) => service },
  { title: 'database (µs)', digits: 0, pick: ({ database }) => database },
  { title: 'log (bytes)', digits: 0, pick: ({ wal }) => wal },
  { title: 'commits', digits: 2, pick: ({ commits }) => commits },
  { title: 'generator (cores)', digits: 2, pick: ({ generator }) => generator },
]

/** What the subjects did at so many connections, and what it cost. */
export function loadTable(found: Found, connections: number): Table {
  const ceiling = roundsOf(found, 'ceiling')
  return {
    title: `${connections} connections`,
    columns: ['', 'refreshes/s', 'of the ceiling', ...COLUMNS.map(({ title }) => title)],
    rows: [...found].map(([{ name }, rounds]) => [
      name,
      spread(atConnections(rounds, connections, ({ rate }) => rate)),
      spread(rateRatios(rounds, ceiling, connections), 2),
      ...COLUMNS.map(({ pick, digits }) => spread(atConnections(rounds, connections, pick), digits)),
    ]),
  }
}

/** How long the subjects take to start, and how much memory they hold. */
export function startTable(found: Found): Table {
  return {
    title: 'Start and memory',
    columns: ['', 'start (s)', 'memory before the load (MiB)', `memory after ${COMPARED_AT} connections (MiB)`],
    rows: [...found].map(([{ name }, rounds]) => [
      name,
      spread(
        known(rounds, ({ startTime }) => startTime && startTime / 1_000),
        2,
      ),
      spread(known(rounds, ({ idleMemory }) => idleMemory)),
      spread(atConnections(rounds, COMPARED_AT, ({ memory }) => memory)),
    ]),
  }
}

function known(rounds: readonly Round[], pick: (round: Round) => number | undefined): number[] {
  return rounds.map(pick).filter(value => value !== undefined)
}
