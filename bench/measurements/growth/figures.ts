import type { SessionTable } from '../../../test/measuring/session-table.ts'
import type { Plot } from '../../../test/proof/experiment.ts'
import type { Measured } from '../../load/recorder.ts'
import type { Cost } from '../measured-refreshes.ts'
import { type Aim, judge, type Table } from '../measurement.ts'
import { median, spread } from '../spread.ts'

/** Refreshes at one size of the table, once a round; the table before the first round and after the last. */
export type Size = { sessions: number; rounds: Sample[]; before: SessionTable; after: SessionTable }
export type Sample = Measured & Cost

/** Many refreshes of few sessions. */
export type Rotated = { rotations: number; before: SessionTable; after: SessionTable }

/** How fast refreshes are at each size, and what they cost. */
export function sizeTable(sizes: readonly Size[]): Table {
  return {
    columns: [
      ...['sessions', 'refreshes/s', 'p50 (ms)', 'p99 (ms)', 'service (µs)', 'database (µs)', 'log (bytes)'],
      ...['table', 'indexes', 'HOT share'],
    ],
    rows: sizes.map(rowOf),
  }
}

function rowOf({ sessions, rounds, before, after }: Size): string[] {
  const of = (key: keyof Sample, digits: number) =>
    spread(
      rounds.flatMap(round => round[key] ?? []),
      digits,
    )
  return [
    sessions.toLocaleString('en'),
    ...[of('rate', 0), of('p50', 1), of('p99', 1), of('service', 0), of('database', 0), of('wal', 0)],
    ...[mebibytes(after.table), mebibytes(after.indexes), percent(hotShare(before, after))],
  ]
}

/** What many refreshes leave behind. */
export function rotationTable({ before, after }: Rotated): Table {
  const row = (when: string, { rows, table, indexes }: SessionTable) => [
    when,
    rows.toLocaleString('en'),
    mebibytes(table),
    mebibytes(indexes),
  ]
  return {
    title: 'Many rotations',
    columns: ['', 'rows', 'table', 'indexes'],
    rows: [row('before', before), row('after', after)],
  }
}

/** How long refreshes take, over the size of the table. */
export function latencyPlot(sizes: readonly Size[]): Plot {
  return {
    name: 'latency',
    title: 'Latency of refreshes by the number of sessions',
    x: { label: 'thousands of sessions in the table', isLogarithmic: true },
    y: { label: 'latency (ms)' },
    lines: (['p50', 'p99'] as const).map(share => ({
      label: share,
      points: sizes.map(({ sessions, rounds }) => [sessions / 1_000, median(rounds.map(round => round[share]))]),
    })),
  }
}

/** Whether growth costs nothing that counts. */
export function aimsOf(sizes: readonly Size[], { before, after }: Rotated): Aim[] {
  const [smallest, largest] = [sizes[0]!.rounds, sizes.at(-1)!.rounds]
  const ratios = largest.map(({ rate }, round) => rate / smallest[round]!.rate)
  const share = hotShare(before, after)
  const rows = after.rows - before.rows
  return [
    {
      what: 'refreshes a second at 10 million sessions ÷ at 10 thousand',
      atLeast: '0.85',
      aim: '0.95',
      found: spread(ratios, 2),
      verdict: judge(median(ratios), { atLeast: 0.85, aim: 0.95 }),
    },
    {
      what: 'new rows per refresh, HOT share',
      atLeast: '0, 95 %',
      aim: '0, 99 %',
      found: `${rows}, ${percent(share)}`,
      verdict: rows === 0 ? judge(share, { atLeast: 0.95, aim: 0.99 }) : 'missed',
    },
  ]
}

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`
const percent = (share: number) => `${(share * 100).toFixed(1)} %`

/** Of the updates between two looks, those that needed no new entry in an index. */
function hotShare(before: SessionTable, after: SessionTable): number {
  return (after.hotUpdates - before.hotUpdates) / (after.updates - before.updates)
}
