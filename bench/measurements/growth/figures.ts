import type { SessionTable } from '../../../test/measuring/session-table.ts'
import type { Plot } from '../../../test/proof/experiment.ts'
import type { Measured } from '../../load/recorder.ts'
import { type Aim, judge, type Table } from '../measurement.ts'
import { spread } from '../spread.ts'

/** Refreshes at one size of the table, which is looked at before and after them. */
export type Sample = { sessions: number; refreshes: Measured; before: SessionTable; after: SessionTable }

/** Many refreshes of few sessions. */
export type Rotated = { rotations: number; before: SessionTable; after: SessionTable }

/** How fast refreshes are at each size. */
export function sizeTable(samples: readonly Sample[]): Table {
  return {
    columns: ['sessions', 'refreshes/s', 'p50 (ms)', 'p99 (ms)', 'table', 'indexes', 'HOT share'],
    rows: samples.map(({ sessions, refreshes, before, after }) => [
      sessions.toLocaleString('en'),
      refreshes.rate.toFixed(0),
      refreshes.p50.toFixed(1),
      refreshes.p99.toFixed(1),
      mebibytes(after.table),
      mebibytes(after.indexes),
      percent(hotShare(before, after)),
    ]),
  }
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
export function latencyPlot(samples: readonly Sample[]): Plot {
  return {
    name: 'latency',
    title: 'Latency of refreshes by the number of sessions',
    x: { label: 'thousands of sessions in the table', isLogarithmic: true },
    y: { label: 'latency (ms)' },
    lines: (['p50', 'p99'] as const).map(share => ({
      label: share,
      points: samples.map(({ sessions, refreshes }) => [sessions / 1_000, refreshes[share]]),
    })),
  }
}

/** Whether growth costs nothing that counts. */
export function aimsOf(samples: readonly Sample[], { before, after }: Rotated): Aim[] {
  const ratio = samples.at(-1)!.refreshes.rate / samples[0]!.refreshes.rate
  const share = hotShare(before, after)
  const rows = after.rows - before.rows
  return [
    {
      what: 'refreshes a second at 10 million sessions ÷ at 10 thousand',
      atLeast: '0.85',
      aim: '0.95',
      found: spread([ratio], 2),
      verdict: judge(ratio, { atLeast: 0.85, aim: 0.95 }),
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
