import fc from 'fast-check'
import { nameOf, type Route, type ValueSchema } from './routes.ts'

/** Secrets and ids that responses hold, by what they look like. */
export const SECRETS = [
  'ticket',
  'email token',
  'refresh token',
  'device token',
  'device link',
  'access token',
  'id',
] as const
export type Secret = (typeof SECRETS)[number]

/** What a stranger puts into a field. */
export type Value =
  | { literal: unknown }
  | { address: 'target' | 'own' | 'other'; written?: 'in capitals' | 'with a tag' | 'with spaces' }
  /** The n-th secret of a kind that a response gave; a forged one until there is any. */
  | { known: Secret; number: number }

const literal = (...values: unknown[]) => fc.constantFrom(...values).map(value => ({ literal: value }))
const known = (...kinds: Secret[]) =>
  fc.record({ known: fc.constantFrom(...kinds), number: fc.nat({ max: 7 }) }) satisfies fc.Arbitrary<Value>

export const PASSWORDS = ['the first of the passwords', 'the second of the passwords']

/** How a stranger fills a field of that name, wherever it occurs. */
const FIELDS: Record<string, fc.Arbitrary<Value>> = {
  email: fc.oneof(
    { weight: 12, arbitrary: fc.constant({ address: 'target' as const }) },
    { weight: 2, arbitrary: fc.constant({ address: 'own' as const }) },
    { weight: 1, arbitrary: fc.constant({ address: 'other' as const }) },
    {
      weight: 2,
      arbitrary: fc
        .constantFrom('in capitals' as const, 'with a tag' as const, 'with spaces' as const)
        .map(written => ({ address: 'target' as const, written })),
    },
    { weight: 1, arbitrary: literal('no address', '', 'a@b', 7) },
  ),
  password: fc.oneof({ weight: 9, arbitrary: literal(...PASSWORDS) }, literal('short', '', 'password1')),
  ticket: known('ticket'),
  refresh_token: known('refresh token', 'access token'),
  device_token: known('device token'),
  token: known('email token', 'email token', 'device link', 'refresh token', 'access token', 'ticket'),
  client_id: literal('default', 'another'),
  grant_type: literal('refresh_token', 'refresh_token', 'refresh_token', 'password'),
  token_type_hint: literal('refresh_token', 'access_token', 'nonsense'),
  locale: literal('en', 'en', 'en', 'ru', 'de-AT', '?'),
  id: known('id'),
}

/** The fields of forms, which have no schema: pages. */
const FORMS: Record<string, string[]> = {
  'POST /sign-up': ['email', 'password'],
  'POST /sign-in': ['email', 'password'],
  'POST /sign-out': [],
  'POST /confirm': ['token', 'password'],
  'POST /confirm/letter': ['email'],
  'POST /device': ['token'],
}

/** What any page may be asked for in its query, of which it has no schema either. */
const QUERY = ['token', 'email']

const LOOKS_SENSITIVE = /mail|address|phone|login|user|account|token|ticket|code|secret|password|proof|key|(^|_)id$/i

export type Fields = Record<string, Value>

/** Fields of a body, or undefined for a route that takes none. @throws when it takes one that nobody could fill */
export function bodyOf(route: Route): fc.Arbitrary<Fields> | undefined {
  if (route.body) return fieldsOf(route, route.body)
  const form = FORMS[nameOf(route)]
  if (form) return optional(form)
  if (['GET', 'HEAD', 'OPTIONS'].includes(route.method)) return undefined
  throw new Error(
    `Needed: to know what ${nameOf(route)} takes\nFound:  a route without a schema of its body\n` +
      `Do:     give it a schema, or name the fields of its form in FORMS (${import.meta.filename})`,
  )
}

export const takesForm = (route: Route): boolean => route.isForm || nameOf(route) in FORMS

export function takesAddress(route: Route): boolean {
  return Object.keys(route.body?.properties ?? {}).includes('email') || (FORMS[nameOf(route)] ?? []).includes('email')
}

export function queryOf(route: Route): fc.Arbitrary<Fields> {
  if (route.query) return fieldsOf(route, route.query)
  const none = fc.constant<Fields>({})
  return route.method === 'POST' ? none : fc.oneof({ weight: 3, arbitrary: none }, optional(QUERY))
}

export function paramsOf(route: Route): fc.Arbitrary<Fields> {
  const names = [...route.url.matchAll(/:(\w+)/g)].map(([, name]) => name!)
  return fc.record(
    Object.fromEntries(names.map(name => [name, generatorOf(route, name, route.params?.properties?.[name])])),
  )
}

function fieldsOf(route: Route, { properties = {}, required = [] }: ValueSchema): fc.Arbitrary<Fields> {
  const all = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, generatorOf(route, name, schema)] as const),
  )
  const isNeeded = (name: string) => required.includes(name)
  const needed = only(all, isNeeded)
  const others = Object.keys(all).filter(name => !isNeeded(name))
  // Where fields exclude one another, the schema does not say so: mostly there is one of those that may be left out.
  const oneOther = fc.constantFrom(...others, ...(isEmpty(needed) && others.length > 0 ? [] : [undefined]))
  const whole = oneOther.chain(other => fc.record({ ...needed, ...only(all, name => name === other) }))
  return fc.oneof(
    { weight: 12, arbitrary: whole },
    { weight: 1, arbitrary: someOf(all) },
    { weight: 1, arbitrary: whole.map(fields => ({ ...fields, unexpected: { literal: 'field' } })) },
  )
}

function optional(names: string[]): fc.Arbitrary<Fields> {
  const all = Object.fromEntries(names.map(name => [name, FIELDS[name]!]))
  return fc.oneof({ weight: 4, arbitrary: fc.record(all) }, { weight: 1, arbitrary: someOf(all) })
}

type Generators = Record<string, fc.Arbitrary<Value>>

const only = (all: Generators, isWanted: (name: string) => boolean): Generators =>
  Object.fromEntries(Object.entries(all).filter(([name]) => isWanted(name)))

const isEmpty = (all: Generators): boolean => Object.keys(all).length === 0

const someOf = (all: Generators): fc.Arbitrary<Fields> => fc.record(all, { requiredKeys: [] }) as fc.Arbitrary<Fields>

function generatorOf(route: Route, name: string, schema: ValueSchema = {}): fc.Arbitrary<Value> {
  const field = FIELDS[name]
  if (field) return field
  const looksSensitive = LOOKS_SENSITIVE.test(name) || ['email', 'uuid'].includes(schema.format ?? '')
  if (looksSensitive && !schema.enum && schema.const === undefined && schema.type !== 'boolean')
    throw new Error(
      `Needed: to know what a stranger would put into "${name}" of ${nameOf(route)}\n` +
        'Found:  a field that looks like an address or a secret, and that no generator fills\n' +
        `Do:     add it to FIELDS (${import.meta.filename})`,
    )
  return madeUp(schema).map(value => ({ literal: value }))
}

/** Any value that a schema describes. */
function madeUp({
  const: only,
  enum: choices,
  anyOf,
  type,
  items,
  properties = {},
}: ValueSchema): fc.Arbitrary<unknown> {
  if (only !== undefined) return fc.constant(only)
  if (choices) return fc.constantFrom(...choices)
  if (anyOf) return fc.oneof(...anyOf.map(madeUp))
  if (type === 'boolean') return fc.boolean()
  if (type === 'integer' || type === 'number') return fc.integer({ min: -1, max: 1_000 })
  if (type === 'array') return fc.array(madeUp(items ?? {}), { maxLength: 2 })
  if (type === 'object')
    return fc.record(Object.fromEntries(Object.entries(properties).map(([k, v]) => [k, madeUp(v)])))
  return fc.constantFrom('', 'a', 'some words', '%', '2026-01-01T00:00:00Z')
}
