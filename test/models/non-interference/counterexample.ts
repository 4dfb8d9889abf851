import { described, type Sequence } from './steps.ts'

/** What could be seen after a step, in the world in which the address is unknown and in another one. */
export type Difference = { world: string; unknown: string[]; found: string[] }

/** A sequence after which a stranger can tell whether there is an account. */
export class Interference extends Error {
  override name = 'Interference'
  readonly worlds: string[]

  constructor(sequence: Sequence, differences: Difference[]) {
    super(textOf(sequence, differences))
    this.worlds = differences.map(({ world }) => world)
  }
}

const COLUMN = 62 // characters

function textOf({ rule, steps }: Sequence, differences: Difference[]): string {
  const list = steps.map((step, index) => `  ${String(index + 1).padStart(2)}. ${described(step)}`)
  const [first, ...others] = differences
  const also =
    others.length > 0 ? `\n  Other worlds that can be told apart: ${others.map(({ world }) => world).join(', ')}.` : ''
  return [
    `After these steps a stranger can tell the address from one that is unknown, while the mail server ${rule}:`,
    ...list,
    sideBySide(first!) + also,
  ].join('\n')
}

/** The lines that differ, in two columns, each below the line that says what it is a part of. */
function sideBySide({ world, unknown, found }: Difference): string {
  const rows = [row('unknown', world), row('-'.repeat(COLUMN), '-'.repeat(COLUMN))]
  for (let index = 0; index < Math.max(unknown.length, found.length); index++) {
    const [left = '(nothing)', right = '(nothing)'] = [unknown[index], found[index]]
    if (left === right) continue
    const [leftLines, rightLines] = [left.split('\n'), right.split('\n')]
    if (leftLines[0] === rightLines[0]) rows.push(row(leftLines[0]!, rightLines[0]!))
    const { leftOnly, rightOnly } = withoutCommonLines(leftLines, rightLines)
    rows.push(row(leftOnly.join('\n'), rightOnly.join('\n')))
  }
  return rows.join('\n')
}

function withoutCommonLines(left: string[], right: string[]) {
  const leftOnly = left.filter(line => !right.includes(line))
  const rightOnly = right.filter(line => !left.includes(line))
  const isOrder = leftOnly.length + rightOnly.length === 0 // the same lines, in another order
  return isOrder ? { leftOnly: left, rightOnly: right } : { leftOnly, rightOnly }
}

function row(left: string, right: string): string {
  const [a, b] = [wrapped(left), wrapped(right)]
  return Array.from({ length: Math.max(a.length, b.length) }, (_, index) =>
    `  ${(a[index] ?? '').padEnd(COLUMN)} | ${b[index] ?? ''}`.trimEnd(),
  ).join('\n')
}

function wrapped(text: string): string[] {
  return text.split('\n').flatMap(line => line.match(new RegExp(`.{1,${COLUMN}}`, 'g')) ?? [''])
}
