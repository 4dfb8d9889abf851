import { type Answer, headerOf } from './client.ts'

/** What of an answer could tell one address from another. */
export type VisibleAnswer = {
  status: number
  /** `name: value`, in the order of the wire. */
  headers: string[]
  body: string
}

/** What differs between any two answers, by its shape. All else has to be the same, byte for byte. */
const RANDOM_BY_NATURE: { what: string; shape: RegExp; isUnique?: true; timeOf?(text: string): number }[] = [
  { what: 'ticket', shape: /authsvc_ct_[\w.-]+/, isUnique: true },
  {
    what: 'id',
    shape: /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/,
    isUnique: true,
    timeOf: ofUuid7,
  },
  { what: 'id', shape: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/, isUnique: true },
  { what: 'time', shape: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/, timeOf: Date.parse },
  { what: 'date', shape: /[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT/, timeOf: Date.parse },
]
const ANY_SHAPE = new RegExp(RANDOM_BY_NATURE.map(({ shape }) => `(${shape.source})`).join('|'), 'g')

function ofUuid7(id: string): number {
  return Number.parseInt(id.replace('-', '').slice(0, 12), 16)
}

/**
 * Reads answers as somebody reads them who wants to tell addresses apart.
 *
 * A random value is replaced by its shape, but what it says stays: how long it is, how far a time is off, and whether
 * an id or a ticket came in an earlier answer, which would be that of an account that was there before.
 */
export class AnswerReader {
  readonly #ignoredHeaders: ReadonlySet<string>
  readonly #seen = new Set<string>()

  /** @param ignoredHeaders in lower case, such as those of a proxy that differ with each answer */
  constructor(ignoredHeaders: readonly string[] = []) {
    this.#ignoredHeaders = new Set(ignoredHeaders)
  }

  /** @param address the one that was asked about */
  read(answer: Answer, address: string): VisibleAnswer {
    const now = Date.parse(headerOf(answer, 'date') ?? '') || Date.now()
    const met = new Set<string>()
    const shaped = (text: string) => this.#shaped(withoutAddress(text, address), now, met)
    const visible = {
      status: answer.status,
      headers: answer.headers
        .filter(([name]) => !this.#ignoredHeaders.has(name.toLowerCase()))
        .map(([name, value]) => `${name}: ${comparable(name, shaped(value), answer)}`),
      body: shaped(answer.body),
    }
    for (const value of met) this.#seen.add(value)
    return visible
  }

  #shaped(text: string, now: number, met: Set<string>): string {
    return text.replaceAll(ANY_SHAPE, (value, ...groups) => {
      const { what, isUnique, timeOf } = RANDOM_BY_NATURE[groups.findIndex(group => group !== undefined)]!
      const time = timeOf && `, ${distance(timeOf(value) - now)}`
      const before = isUnique && this.#seen.has(value) ? ', seen before' : ''
      if (isUnique) met.add(value)
      return `<${what} of ${value.length} characters${time ?? ''}${before}>`
    })
  }
}

// The body itself is compared, so its length needs only to be told rightly. That of an address differs by nature.
function comparable(name: string, value: string, { body }: Answer): string {
  const isLength = name.toLowerCase() === 'content-length' && Number(value) === Buffer.byteLength(body)
  if (isLength) return '<length of the body>'
  return name.toLowerCase() === 'retry-after' ? value.replace(/^\d+$/, '<seconds>') : value
}

function withoutAddress(text: string, address: string): string {
  return text.replaceAll(address, '<address>').replaceAll(encodeURIComponent(address), '<address in a URL>')
}

function distance(milliseconds: number): string {
  const minutes = Math.round(milliseconds / 60_000)
  return minutes === 0 ? 'now' : `${minutes > 0 ? 'in ' : ''}${Math.abs(minutes)} min${minutes < 0 ? ' ago' : ''}`
}

export type Part = 'status' | 'headers' | 'body'
export type PartDifference = { part: Part; expected: string; found: string }

/** Everything in which two answers differ; none when they are alike. */
export function differencesBetween(expected: VisibleAnswer, found: VisibleAnswer): PartDifference[] {
  const headers = headerDifference(expected.headers, found.headers)
  return [
    ...differs('status', String(expected.status), String(found.status)),
    ...differs('headers', headers.expected, headers.found),
    ...differs('body', expected.body, found.body),
  ]
}

function differs(part: Part, expected: string, found: string): PartDifference[] {
  return expected === found ? [] : [{ part, expected, found }]
}

// The lines that only one of them has; where both have all of them, all in their order.
function headerDifference(expected: string[], found: string[]): { expected: string; found: string } {
  const only = (lines: string[], others: string[]) => lines.filter(line => !others.includes(line)).join('\n')
  const lines = { expected: only(expected, found), found: only(found, expected) }
  if (lines.expected !== lines.found) return lines
  return { expected: expected.join('\n'), found: found.join('\n') }
}
