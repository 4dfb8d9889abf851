import type { Aim, Figures, Table } from '../measurements/measurement.ts'
import { MEASUREMENTS, type MeasurementName } from '../measurements/measurements.ts'
import { plotFile } from './files.ts'

/** What one measurement found, and where. */
export type Result = {
  name: MeasurementName
  machine: [name: string, value: string][]
  seconds: number
  subjects: { name: string; version: string; setUp: string }[]
  figures: Figures
}

/** docs/benchmarks.md. */
export function composeDocument(results: readonly Result[]): string {
  const subjects = new Map(results.flatMap(result => result.subjects.map(subject => [subject.name, subject] as const)))
  return [
    '# Benchmarks',
    'Written by `npm run bench`. Generator, mail server, PostgreSQL and the measured service share the cores of one ' +
      'machine: on machines of their own each would get further. So the figures tell the size of things, and the ratios, ' +
      'which are taken within one round, tell more. Measure where you run it. What limits each figure, and what was done ' +
      'for it, stands in [decision 11](decisions/0011-how-fast-and-what-limits-it.md).',
    '## What is to be reached',
    table({
      columns: ['what', 'at least', 'aim', 'found', ''],
      rows: results.flatMap(({ figures }) => (figures.aims ?? []).map(aimRow)),
    }),
    '## Who is measured',
    table({
      columns: ['', 'version', 'set up'],
      rows: [...subjects.values()].map(({ name, version, setUp }) => [name, version, setUp]),
    }),
    ...results.flatMap(sectionOf),
    ...missing(results),
  ]
    .join('\n\n')
    .concat('\n')
}

function missing(results: readonly Result[]): string[] {
  const names = Object.keys(MEASUREMENTS).filter(name => !results.some(result => result.name === name))
  if (names.length === 0) return []
  return ['## Not measured yet', names.map(name => `- ${MEASUREMENTS[name as MeasurementName].title}`).join('\n')]
}

const aimRow = ({ what, atLeast, aim, found, verdict }: Aim) => [what, atLeast, aim, found, verdict]

function sectionOf({ name, machine, seconds, figures }: Result): string[] {
  const { how, tables, remarks = [], plots = [], bars = [] } = figures
  const facts = machine.map(([fact, value]) => `${fact} ${value}`).join(', ')
  return [
    `## ${MEASUREMENTS[name].title}`,
    how,
    ...[...bars, ...plots].map(plot => `![${plot.title}](${plotFile(name, plot.name)})`),
    ...tables.flatMap(one => [...(one.title ? [`### ${one.title}`] : []), table(one)]),
    ...(remarks.length > 0 ? [remarks.map(remark => `- ${remark}`).join('\n')] : []),
    `It took ${Math.ceil(seconds / 60)} min (${facts}). Repeat it with \`npm run bench -- ${name}\`.`,
  ]
}

/** A table in Markdown. */
export function table({ columns, rows }: Omit<Table, 'title'>): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  return [line(columns), `|${columns.map(() => '---|').join('')}`, ...rows.map(line)].join('\n')
}
