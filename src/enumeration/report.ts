import { ALIKE, type EndpointFindings, type Findings, isFinding, type LatencyPair, leastVisible } from './audit.ts'
import { isServed } from './compare-answers.ts'
import { CLASSES } from './endpoints.ts'
import { median } from './statistics.ts'

const COLUMNS = ['endpoint', 'request', 'status', 'headers', 'body', 'letters', 'AUC confirmed', 'AUC unconfirmed']
const WITHOUT_LATENCY = 6 // columns

/** The findings for a person: a table, every difference, and the verdict. */
export function textReport(findings: Findings): string {
  const isTimed = findings.endpoints.some(({ latency }) => latency)
  const columns = isTimed ? COLUMNS : COLUMNS.slice(0, WITHOUT_LATENCY)
  const rows = [COLUMNS, ...findings.endpoints.map(rowOf)]
  const widths = columns.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  const table = rows.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
  return [...table, '', ...findings.endpoints.flatMap(differencesOf), verdictOf(findings)].join('\n')
}

/** The findings for a program: all that the table tells, the confidence intervals and the medians in milliseconds. */
export function jsonReport({ endpoints, isToldApart }: Findings): string {
  const written = endpoints.map(({ latency, letters = null, ...rest }) => ({
    ...rest,
    letters,
    latency: latency
      ? {
          medians: Object.fromEntries(CLASSES.map(kind => [kind, median(latency.latencies[kind])])),
          pairs: latency.pairs,
        }
      : null,
  }))
  return JSON.stringify({ isToldApart, endpoints: written }, null, 2)
}

function rowOf(endpoint: EndpointFindings): string[] {
  const { name, request, status, letters, latency } = endpoint
  if (!isServed(endpoint)) return [name, request, '404', 'not served here', ...COLUMNS.slice(4).map(() => '')]
  const differs = (part: string) => endpoint.differences.some(difference => difference.part === part)
  const word = (part: string) => (differs(part) ? 'DIFFERS' : 'alike')
  return [
    name,
    request,
    differs('status') ? 'DIFFERS' : String(status),
    word('headers'),
    word('body'),
    letters ? (differs('letters') ? 'DIFFERS' : '1 each') : '-',
    intervalOf(latency?.pairs.find(pair => pair.class === 'confirmed')),
    intervalOf(latency?.pairs.find(pair => pair.class === 'unconfirmed')),
  ]
}

function intervalOf(pair: LatencyPair | undefined): string {
  if (!pair) return '-'
  const text = (value: number) => value.toFixed(3)
  return `${text(pair.auc)} (${text(pair.low)}-${text(pair.high)})${pair.isToldApart ? ' DIFFERS' : ''}`
}

function differencesOf({ name, request, differences, latency }: EndpointFindings): string[] {
  const answers = differences.map(({ class: kind, part, expected, found }) => {
    const labels = part === 'letters' ? ['needed', 'found'] : ['unknown', kind]
    const width = Math.max(...labels.map(label => label.length)) + 1
    const block = (label: string, text: string) =>
      `  ${`${label}:`.padEnd(width)} ${text.replaceAll('\n', `\n${' '.repeat(width + 3)}`)}`
    return [
      `${name} (${request}): the ${part} for an address that is ${kind}`,
      block(labels[0]!, expected),
      block(labels[1]!, found),
      '',
    ].join('\n')
  })
  const times = (latency?.pairs ?? [])
    .filter(({ isToldApart }) => isToldApart)
    .map(pair => {
      const [unknown, other] = [latency!.latencies.unknown, latency!.latencies[pair.class]].map(median)
      const medians = `unknown: ${unknown!.toFixed(2)} ms in the middle; ${pair.class}: ${other!.toFixed(2)} ms`
      const distance = `AUC ${pair.auc.toFixed(3)}, ${Math.abs(pair.z).toFixed(1)} standard deviations off`
      return `${name} (${request}): the latency\n  ${medians}; ${distance}\n`
    })
  return [...answers, ...times]
}

function verdictOf({ endpoints, isToldApart }: Findings): string {
  const pair = endpoints.flatMap(({ latency }) => latency?.pairs ?? [])[0]
  const scope = pair ? scopeOf(pair.counts[0]) : 'Latency was not measured.'
  const names = endpoints.filter(isFinding).map(({ name }) => name)
  return isToldApart
    ? `${scope}\n\nStrangers can tell who has an account, by: ${names.join('; ')}.`
    : `${scope}\n\nThe addresses cannot be told apart.`
}

function scopeOf(samples: number): string {
  const least = leastVisible(samples)
  const limit =
    least > ALIKE.to - 0.5
      ? ` With so few samples only an AUC off 0.5 by more than ${least.toFixed(2)} would show.`
      : ''
  return (
    `Latency: ${samples.toLocaleString('en')} samples of each class. An AUC of ${ALIKE.from}-${ALIKE.to} counts as alike, ` +
    `and so does what chance gives in one of 1,000 pairs.${limit}\nIn brackets is DeLong's 95 % confidence interval.`
  )
}
