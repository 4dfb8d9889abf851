import type { Aim, Figures, Table } from '../measurements/measurement.ts'
import { MEASUREMENTS, type MeasurementName } from '../measurements/measurements.ts'
import { plotFile } from './files.ts'

/** Servers of others with an adapter, by the names of the adapters. */
const SERVERS = ['GoTrue (Supabase Auth)', 'Keycloak', 'Logto', 'Ory Hydra', 'Ory Kratos', 'Rauthy', 'Zitadel']

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
    table({ columns: ['', 'version', 'set up', 'in'], rows: subjectRows(results) }),
    ...notMeasured(results),
    ...results.flatMap(sectionOf),
    ...missing(results),
  ]
    .join('\n\n')
    .concat('\n')
}

/** One row for each version and setup, since sections may come from different runs. */
function subjectRows(results: readonly Result[]): string[][] {
  const rows = new Map<string, { cells: string[]; sections: string[] }>()
  for (const { name, subjects } of results)
    for (const { name: subject, version, setUp } of subjects) {
      const cells = [subject, version, setUp]
      const row = rows.get(cells.join('\n')) ?? { cells, sections: [] }
      row.sections.push(MEASUREMENTS[name].title)
      rows.set(cells.join('\n'), row)
    }
  return [...rows.values()].map(({ cells, sections }) => [
    ...cells,
    sections.length === results.length ? 'all' : sections.join(', '),
  ])
}

/** Names the servers that could have been measured, so that nobody takes their absence for a result. */
function notMeasured(results: readonly Result[]): string[] {
  const measured = new Set(results.flatMap(({ subjects }) => subjects.map(({ name }) => name)))
  const names = SERVERS.filter(name => !measured.has(name))
  if (names.length === 0) return []
  return [
    `Nothing here is about ${names.join(', ')}: there are [adapters](../bench/adapters) for them, which read their ` +
      'documented responses, but no figure of a run with them is kept here. `--server` measures one that runs already.',
  ]
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
