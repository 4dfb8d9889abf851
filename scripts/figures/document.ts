import type { Figures } from './subject.ts'

export type Section = Figures & { title: string; command: string }

/** docs/figures.md. */
export function composeDocument(machine: [name: string, value: string][], sections: Section[]): string {
  return [
    '# Figures',
    'Measured by `npm run figures`, which writes this file. Generator, mail server, database and service shared one machine, ' +
      'and so its cores: on machines of their own they would get further, and over a network answers would take longer. ' +
      'Take them for the size of things, and measure where you run it.',
    table(['', 'this run'], machine),
    ...sections.flatMap(({ title, command, how, columns, rows }) => [
      `## ${title}`,
      `\`${command}\``,
      how,
      table(columns, rows),
    ]),
  ]
    .join('\n\n')
    .concat('\n')
}

/** A table in Markdown. */
export function table(columns: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  return [line(columns), `|${columns.map(() => '---|').join('')}`, ...rows.map(line)].join('\n')
}
