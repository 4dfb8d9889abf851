import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BODIES, CONTENT_TYPES, HEADERS, JSON_TEXTS, METHODS, PATH_TRICKS, QUERIES, STRINGS } from './hostile-values.ts'

/** A place of the interface with a request that has nothing wrong with it but that its secrets are not genuine. */
export type Operation = {
  method: string
  path: string
  type: string | undefined
  fields: [name: string, json: string][]
}

/** A request to send as it stands. */
export type MalformedRequest = {
  /** The operation that it was made from, unless its path or method was changed. */
  operation: string | undefined
  method: string
  path: string
  headers: [name: string, value: string][]
  body: Buffer
}

type Schema = { properties?: Record<string, { type?: string; const?: string }> }
type Described = { requestBody?: { content: Record<string, { schema: Schema }> } }

/** Pages are no part of the reference. */
const PAGES: Operation[] = [
  ...[
    '/',
    '/sign-up',
    '/sign-in',
    '/confirm',
    '/account',
    '/mailbox',
    '/docs',
    '/openapi.json',
    '/assets/style.css',
  ].map(path => ({ method: 'GET', path, type: undefined, fields: [] })),
  ...['/sign-up', '/sign-in', '/sign-out', '/confirm', '/confirm/letter'].map(path => ({
    method: 'POST',
    path,
    type: 'application/x-www-form-urlencoded',
    fields: fieldsFor(['email', 'password', 'token']),
  })),
]

/** Every operation of openapi.json, and the pages. */
export function operations(): { described: Operation[]; pages: Operation[] } {
  const { paths } = JSON.parse(readFileSync(join(import.meta.dirname, '../../../openapi.json'), 'utf8')) as {
    paths: Record<string, Record<string, Described>>
  }
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { requestBody }]) => {
      const [type, content] = Object.entries(requestBody?.content ?? {})[0] ?? []
      const fields = fieldsFor(Object.keys(content?.schema.properties ?? {}))
      return { method: method.toUpperCase(), path, type, fields }
    }),
  )
  return { described, pages: PAGES }
}

export const nameOf = ({ method, path }: Operation): string => `${method} ${path}`

function fieldsFor(names: string[]): [string, string][] {
  const values: Record<string, string> = {
    email: 'nobody@example.com',
    password: 'x'.repeat(300), // longer than any, so that few requests cost a hash
    locale: 'en',
    grant_type: 'refresh_token',
    refresh_token: `authsvc_rt_k1.${'A'.repeat(56)}`,
    token: `authsvc_lt_k1.${'A'.repeat(48)}`,
    ticket: `authsvc_ct_k1.${'A'.repeat(48)}`,
    client_id: 'default',
    token_type_hint: 'refresh_token',
  }
  return names.map(name => [name, JSON.stringify(values[name] ?? 'x')])
}

type Draft = Omit<MalformedRequest, 'body'> & { type: string | undefined; fields: [string, string][]; body?: Buffer }

/** A request to an operation with one to three things wrong. */
export function malformedRequest(operation: Operation, random: () => number): MalformedRequest {
  const draft: Draft = {
    ...operation,
    operation: nameOf(operation),
    headers: [],
    fields: operation.fields.map(each => [...each]),
  }
  for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes--) oneOf(CHANGES, random)(draft, random)
  const body = draft.body ?? Buffer.from(isForm(draft.type) ? formOf(draft, random) : jsonOf(draft))
  const hasBody = !['GET', 'HEAD', 'OPTIONS', 'TRACE'].includes(draft.method) || random() < 0.1
  const headers =
    draft.type === undefined ? draft.headers : [...draft.headers, ['content-type', draft.type] as [string, string]]
  return {
    operation: draft.operation,
    method: draft.method,
    path: draft.path,
    headers,
    body: hasBody ? body : Buffer.alloc(0),
  }
}

export const oneOf = <Value>(values: readonly Value[], random: () => number): Value =>
  values[Math.floor(random() * values.length)]!

const isForm = (type: string | undefined) => type?.startsWith('application/x-www-form-urlencoded') ?? false
const changesField: Change = (draft, random) => {
  const field = oneOf(draft.fields, random)
  if (field) field[1] = oneOf(JSON_TEXTS, random)
}

type Change = (draft: Draft, random: () => number) => void

const CHANGES: Change[] = [
  changesField,
  changesField,
  changesField,
  draft => void draft.fields.shift(),
  (draft, random) => void draft.fields.push([oneOf(STRINGS, random), oneOf(JSON_TEXTS, random)]),
  (draft, random) => {
    if (draft.fields.length > 0) draft.fields.push([oneOf(draft.fields, random)[0], oneOf(JSON_TEXTS, random)])
  },
  (draft, random) => {
    draft.body = Buffer.from(oneOf(BODIES, random))
  },
  (draft, random) => {
    draft.body = oneOf(ENCODINGS, random)(Buffer.from(jsonOf(draft)), random)
  },
  (draft, random) => {
    draft.type = oneOf(CONTENT_TYPES, random)
  },
  (draft, random) => void draft.headers.push(oneOf(HEADERS, random)),
  (draft, random) => void draft.headers.push(oneOf(HEADERS, random)),
  (draft, random) => {
    draft.path += oneOf(QUERIES, random)
  },
  (draft, random) => {
    const [path = '', query] = draft.path.split('?')
    draft.path = oneOf(PATH_TRICKS, random)(path) + (query === undefined ? '' : `?${query}`)
    draft.operation = undefined
  },
  (draft, random) => {
    draft.method = oneOf(METHODS, random)
    draft.operation = undefined
  },
]

const ENCODINGS: ((bytes: Buffer, random: () => number) => Buffer)[] = [
  bytes => Buffer.from(bytes.toString(), 'utf16le'),
  bytes => Buffer.concat([Buffer.from([0xff, 0xfe]), bytes]),
  bytes => Buffer.concat([bytes.subarray(0, -2), Buffer.from([0xc3, 0x28, 0x22, 0x7d])]),
  bytes => Buffer.concat([bytes, Buffer.alloc(100)]),
  (bytes, random) => bytes.subarray(0, Math.floor(random() * bytes.length)),
  (bytes, random) => {
    const changed = Buffer.from(bytes)
    for (let index = 0; index < 3; index++) changed[Math.floor(random() * changed.length)] = Math.floor(random() * 256)
    return changed
  },
  (_bytes, random) =>
    Buffer.from(Array.from({ length: 1 + Math.floor(random() * 200) }, () => Math.floor(random() * 256))),
]

const jsonOf = ({ fields }: Draft): string =>
  `{${fields.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`

function formOf({ fields }: Draft, random: () => number): string {
  const pairs = fields.map(([name, json]) => {
    const value = json.startsWith('"') ? (JSON.parse(json) as string) : json
    return random() < 0.1 ? `${name}=${value}` : `${encoded(name)}=${encoded(value)}`
  })
  return pairs.join(random() < 0.05 ? ';' : '&')
}

const encoded = (text: string): string => encodeURIComponent(text.toWellFormed())
