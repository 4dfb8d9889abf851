import { createHash } from 'node:crypto'
import type { Secret } from './fields.ts'

/** What is random in every world, by its shape. All else has to be the same, byte for byte. */
const SHAPES: { kind: Secret | 'time' | 'date' | 'key'; shape: RegExp }[] = [
  { kind: 'access token', shape: /eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+/ },
  { kind: 'ticket', shape: /authsvc_ct_[\w.-]+/ },
  { kind: 'email token', shape: /authsvc_lt_[\w.-]+/ },
  { kind: 'refresh token', shape: /authsvc_rt_[\w.-]+/ },
  { kind: 'device token', shape: /authsvc_dt_[\w.-]+/ },
  { kind: 'device link', shape: /authsvc_dl_[\w.-]+/ },
  { kind: 'id', shape: /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/ },
  { kind: 'time', shape: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/ },
  { kind: 'date', shape: /[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT/ },
  { kind: 'key', shape: /(?<="(?:kid|x|y)":")[\w-]{43}/ },
]
const ANY_SHAPE = new RegExp(SHAPES.map(({ shape }) => `(${shape.source})`).join('|'), 'g')
const LONGEST_TEXT = 6_000 // characters of a body that is compared as it is, longer ones by their hash

/**
 * Reads what one world shows, as somebody reads it who wants to tell it from another.
 *
 * A random value is replaced by its kind and the order in which it was met, so that what came before is known again; a time
 * by its distance from now, as the clock of all worlds is the same.
 */
export class Reader {
  readonly #since: number
  readonly #met = new Map<Secret | 'key', string[]>()
  /** The clock of the world, in milliseconds. */
  now: number

  /** @param options.since when the sequence began, by the real clock, which ids of version 7 hold */
  constructor(options: { now: number; since: number }) {
    this.now = options.now
    this.#since = options.since
  }

  /** Every secret of a kind that was read, in the order in which they were met. */
  met(kind: Secret): readonly string[] {
    return this.#met.get(kind) ?? []
  }

  read(text: string): string {
    const shaped = text.replaceAll(ANY_SHAPE, (value, ...groups) => {
      const { kind } = SHAPES[groups.findIndex(group => group !== undefined)]!
      if (kind === 'time' || kind === 'date') return `<${kind} ${this.#distance(Date.parse(value))}>`
      return this.#nameOf(kind, value)
    })
    if (shaped.length <= LONGEST_TEXT) return shaped
    return `<${shaped.length} characters with the hash ${createHash('sha256').update(shaped).digest('hex').slice(0, 16)}>`
  }

  #nameOf(kind: Secret | 'key', value: string): string {
    const met = this.#met.get(kind) ?? []
    this.#met.set(kind, met)
    if (!met.includes(value)) met.push(value)
    const place = `${kind} ${met.indexOf(value) + 1}`
    if (kind === 'access token') return `<${place}: ${this.#claims(value)}>`
    return `<${place}${kind === 'id' && this.#isOld(value) ? ' from before' : ''}, ${value.length} characters>`
  }

  #claims(token: string): string {
    const [header, payload] = token
      .split('.')
      .slice(0, 2)
      .map(part => JSON.parse(Buffer.from(part, 'base64url').toString()))
    for (const name of ['iat', 'exp', 'auth_time', 'nbf'])
      if (name in payload) payload[name] = this.#distance(payload[name] * 1_000)
    return this.read(JSON.stringify([header, payload]))
  }

  #isOld(id: string): boolean {
    return id[14] === '7' && Number.parseInt(id.replace('-', '').slice(0, 12), 16) < this.#since
  }

  #distance(time: number): string {
    const seconds = (time - this.now) / 1_000
    return seconds === 0 ? 'now' : `now ${seconds < 0 ? '-' : '+'} ${Math.abs(seconds)} s`
  }
}
