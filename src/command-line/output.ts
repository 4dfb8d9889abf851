type Row = Record<string, unknown>

/** A JSON object a line. */
export const jsonLines = (rows: readonly object[]): string => rows.map(row => `${JSON.stringify(row)}\n`).join('')

/** Rows in columns, under their names. */
export function table(rows: readonly Row[], columns: readonly string[], none: string): string {
  if (rows.length === 0) return `${none}\n`
  const lines = [
    columns.map(column => column.replaceAll('_', ' ')),
    ...rows.map(row => columns.map(column => cell(row[column]))),
  ]
  const widths = columns.map((_, index) => Math.max(...lines.map(line => line[index]!.length)))
  return lines
    .map(
      line =>
        `${line
          .map((text, index) => text.padEnd(widths[index]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

/** The members of an object, a line each. */
export function facts(row: Row): string {
  const width = Math.max(...Object.keys(row).map(name => name.length))
  return Object.entries(row)
    .map(([name, value]) => `${name.replaceAll('_', ' ').padEnd(width)}  ${cell(value)}\n`)
    .join('')
}

const cell = (value: unknown): string =>
  value === null || value === undefined ? '-' : Array.isArray(value) ? value.join(' ') : String(value)

export const count = (number: number, singular: string): string => `${number} ${singular}${number === 1 ? '' : 's'}`
