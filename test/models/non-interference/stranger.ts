import { sql } from 'kysely'
import { type ParsedMail, simpleParser } from 'mailparser'
import type { Reply } from '../../support/http-connections.ts'
import { type Fields, takesForm, type Value } from './fields.ts'
import { Reader } from './observation.ts'
import { nameOf } from './routes.ts'
import { EVERY_TIME_ANOTHER, type Request } from './steps.ts'
import { ORIGIN, type World } from './worlds.ts'

/** What a sequence is about, alike in every world. */
export type Cast = {
  /** The address that the stranger wants to know about. */
  target: string
  /** One that the stranger reads the mailbox of. */
  own: string
  /** One that nobody has. */
  other: string
  network(number: number): string
}

export function castOf(sequence: number): Cast {
  const [high, low] = [Math.floor(sequence / 250) % 250, sequence % 250]
  const at = (name: string) => `${name}.${sequence}@example.com`
  return {
    target: at('target'),
    own: at('own'),
    other: at('other'),
    network: number => `10.${high}.${low}.${number}`,
  }
}

const OBSERVER = 99 // the network from which the stranger looks
const NOT_TOLD = ['date', 'x-request-id', 'content-length'] // the body is compared itself
const FORGED: Record<string, string> = { id: '01890000-0000-7000-8000-000000000000' }

/** Somebody without rights who writes down all that can be seen in one world. */
export class Stranger {
  readonly #world: World
  readonly #cast: Cast
  readonly #reader: Reader
  readonly #cookies: Map<string, string>[] = [new Map(), new Map()]
  /** Ask for responses, for what the run tells in the end. */
  readonly responses: string[] = []

  constructor(world: World, cast: Cast) {
    this.#world = world
    this.#cast = cast
    this.#reader = new Reader({ now: world.now, since: Date.now() })
  }

  /** Makes a request, once or several times. @returns what its responses show */
  async request(request: Request): Promise<string[]> {
    const seen: string[] = []
    for (let time = 1; time <= request.times; time++) {
      const reply = await this.#send(request, time)
      this.responses.push(`${nameOf(request.route)} ${reply.status}`)
      const shown = this.#shown(reply)
      seen.push(request.times > 1 ? `response ${time}: ${shown}` : shown)
    }
    return seen
  }

  /**
   * @param isThorough whether every sign-up is looked at, not only the two oldest and the two newest
   * @returns what can be seen without doing anything: how far each sign-up is, what is in the own mailbox, and after
   *   whatever may have changed it, how the service is
   */
  async look(isThorough: boolean): Promise<string[]> {
    this.#reader.now = this.#world.now
    const emails = await this.#readMailbox()
    const tickets = [...this.#reader.met('ticket').entries()]
    const looked = isThorough ? tickets : [...new Set([...tickets.slice(0, 2), ...tickets.slice(-2)])]
    const states = await Promise.all(
      looked.map(([, ticket]) =>
        this.#world.http.get(`${this.#world.url}/v1/confirmation`, {
          ...this.#commonHeaders(OBSERVER),
          authorization: `Bearer ${ticket}`,
        }),
      ),
    )
    const { http, url } = this.#world
    const health = isThorough ? [this.#shown(await http.get(`${url}/readyz`, this.#commonHeaders(OBSERVER)))] : []
    return [
      ...health.map(shown => `how the service is: ${shown}`),
      ...states.map((reply, index) => `sign-up of ticket ${looked[index]![0] + 1}: ${this.#shown(reply)}`),
      ...emails,
    ]
  }

  async #send({ route, params, query, body, bearer, browser, network }: Request, time: number): Promise<Reply> {
    const path = route.url.replace(/:(\w+)/g, (_, name) => encodeURIComponent(String(this.#valueOf(params[name]!))))
    const search = new URLSearchParams(this.#textsOf(query)).toString()
    const url = `${this.#world.url}${path}${search && `?${search}`}`
    const cookies = browser === undefined ? undefined : this.#cookies[browser]!
    const headers = {
      ...this.#commonHeaders(network === EVERY_TIME_ANOTHER ? 100 + time : network),
      ...(bearer && { authorization: `Bearer ${this.#valueOf(bearer)}` }),
      ...(cookies && { origin: ORIGIN, cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') }),
    }
    const { http } = this.#world
    const reply = await (body === undefined
      ? http.get(url, headers, route.method)
      : http.post(url, {
          headers,
          ...(takesForm(route) ? { form: this.#textsOf(body) } : { json: this.#valuesOf(body) }),
        }))
    if (cookies) keep(cookies, reply.headers['set-cookie'] ?? [])
    return reply
  }

  #commonHeaders(network: number): Record<string, string> {
    return { host: new URL(ORIGIN).host, 'x-forwarded-for': this.#cast.network(network) }
  }

  #shown({ status, headers, text }: Reply): string {
    this.#reader.now = this.#world.now
    const lines = Object.entries(headers)
      .filter(([name]) => !NOT_TOLD.includes(name))
      .flatMap(([name, value]) => [value].flat().map(each => `  ${name}: ${this.#reader.read(each!)}`))
    return [String(status), ...lines, `  ${this.#reader.read(text)}`].join('\n')
  }

  async #readMailbox(): Promise<string[]> {
    const { sink } = this.#world
    const own = sink.letters.filter(({ to }) => to.includes(this.#cast.own))
    sink.letters = sink.letters.filter(letter => !own.includes(letter))
    const emails = await Promise.all(own.map(({ raw }) => simpleParser(raw)))
    return (await this.#inOrder(emails)).map(
      ({ subject, text = '' }) => `an email to the own address: ${subject}\n  ${this.#reader.read(text)}`,
    )
  }

  // Emails that leave at once arrive in an order of chance, and then the n-th token would not be of the same sign-up everywhere.
  async #inOrder(emails: ParsedMail[]): Promise<ParsedMail[]> {
    const idOf = ({ messageId = '' }: ParsedMail) => messageId.slice(1, 37)
    const { rows } = await sql<{ id: string }>`
      select id::text from confirmation_letter where id::text = any(${emails.map(idOf)})
      order by account_id, requested_at, id`.execute(this.#world.database)
    const place = new Map(rows.map(({ id }, index) => [id, index]))
    return emails.toSorted((a, b) => (place.get(idOf(a)) ?? rows.length) - (place.get(idOf(b)) ?? rows.length))
  }

  #valuesOf(fields: Fields): Record<string, unknown> {
    return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, this.#valueOf(value)]))
  }

  #textsOf(fields: Fields): Record<string, string> {
    return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(this.#valueOf(value))]))
  }

  #valueOf(value: Value): unknown {
    if ('literal' in value) return value.literal
    if ('known' in value) {
      const met = this.#reader.met(value.known)
      return met[value.number % met.length] ?? FORGED[value.known] ?? `authsvc_${value.number}_forged`
    }
    const address = this.#cast[value.address]
    if (value.written === 'in capitals') return address.toUpperCase()
    if (value.written === 'with a tag') return address.replace('@', '+tag@')
    return value.written === 'with spaces' ? ` ${address} ` : address
  }
}

/** What a browser does with cookies, as far as these go: all are for the whole origin. */
function keep(cookies: Map<string, string>, lines: string[]): void {
  for (const line of lines) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!
    if (/;\s*max-age=0(;|$)/i.test(line)) cookies.delete(name!)
    else cookies.set(name!, value!)
  }
}
