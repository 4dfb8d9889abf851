import fc from 'fast-check'
import {
  bodyOf,
  type Fields,
  paramsOf,
  queryOf,
  SECRETS,
  type Secret,
  takesAddress,
  takesForm,
  type Value,
} from './fields.ts'
import { nameOf, type Route } from './routes.ts'

/** What happens next, alike in every world. */
export type Step = Request | TimePasses | MailServer | OwnerActs

export type Request = {
  route: Route
  params: Fields
  query: Fields
  body?: Fields
  bearer?: Value
  /** One of the stranger's browsers, which keeps cookies; none for a program. */
  browser?: number
  /** One of the stranger's three networks, or {@link EVERY_TIME_ANOTHER}. */
  network: number
  times: number
}

export const EVERY_TIME_ANOTHER = 3

export type TimePasses = { seconds: number }

/** Whether the mail server can be reached, from now on. */
export type MailServer = { mail: 'is down' | 'is back' }

/**
 * What the mail server makes of emails to the address, all the time: if it changed its mind, the emails that are held,
 * which nobody asks it about, would show it later than others (decision 12).
 */
export const MAIL_RULES = [
  'takes emails to the address',
  'refuses the address',
  'defers emails to the address',
  'says that the mailbox is full',
  'takes none to the address by its policy',
] as const
export type MailRule = (typeof MAIL_RULES)[number]

export type Sequence = { rule: MailRule; steps: Step[] }

/** What the owner of the address does, in the worlds that have one. */
export const OWNER_ACTS = [
  'signs in',
  'refreshes',
  'signs out',
  'asks for another email',
  'confirms',
  'signs up again',
] as const
export type OwnerAct = (typeof OWNER_ACTS)[number]
export type OwnerActs = { owner: OwnerAct }

const MINUTE = 60 // seconds
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** To and beyond each limit, and each lifetime of what a stranger has. */
const TIMES = [30, 61, 5 * MINUTE, 16 * MINUTE, HOUR + 1, HOUR + 1, 6 * HOUR, DAY + 1, DAY + 1, 49 * HOUR, 8 * DAY]

export const LONGEST_SEQUENCE = 20 // steps

/** Sequences of what a stranger can do with these routes, while time passes and others go on. */
export function sequences(routes: Route[]): fc.Arbitrary<Sequence> {
  const step = fc.oneof(
    { weight: 70, arbitrary: requests(routes) },
    { weight: 14, arbitrary: fc.constantFrom(...TIMES).map(seconds => ({ seconds })) },
    { weight: 6, arbitrary: fc.constantFrom(...OWNER_ACTS).map(owner => ({ owner })) },
    { weight: 3, arbitrary: fc.constantFrom('is down' as const, 'is back' as const).map(mail => ({ mail })) },
  )
  const [taken, ...others] = MAIL_RULES
  return fc.record({
    rule: fc.oneof({ weight: 6, arbitrary: fc.constant(taken) }, fc.constantFrom(...others)),
    steps: fc.array(step, { minLength: 1, maxLength: LONGEST_SEQUENCE, size: 'max' }),
  })
}

function requests(routes: Route[]): fc.Arbitrary<Request> {
  const named = routes.filter(({ url, method }) => url !== '*' && !(method === 'HEAD' || method === 'OPTIONS'))
  return fc.oneof(
    ...named.map(route => ({ weight: weightOf(route), arbitrary: requestsTo(route) })),
    // Of what no handler answers itself: HEAD to each page, and OPTIONS.
    { weight: 2, arbitrary: fc.constantFrom(...routes.filter(({ method }) => method === 'HEAD')).chain(requestsTo) },
    { weight: 1, arbitrary: fc.constantFrom(...named).chain(route => requestsTo({ ...route, method: 'OPTIONS' })) },
  )
}

/** Most of it is about the address. */
function weightOf(route: Route): number {
  if (takesAddress(route)) return takesForm(route) ? 14 : 40
  return route.method === 'GET' ? 1 : 4
}

const TIMES_IN_A_ROW = fc.oneof(
  { weight: 220, arbitrary: fc.constant(1) },
  { weight: 150, arbitrary: fc.integer({ min: 2, max: 6 }) },
  { weight: 27, arbitrary: fc.constant(12) }, // beyond what may be guessed from a network
  { weight: 2, arbitrary: fc.constant(35) }, // beyond what a network may sign up
  { weight: 1, arbitrary: fc.constant(110) }, // beyond what may be guessed at an address
)

function requestsTo(route: Route): fc.Arbitrary<Request> {
  const body = bodyOf(route)
  const bearer = fc.record({ known: fc.constantFrom<Secret>(...SECRETS), number: fc.nat({ max: 7 }) })
  const isPage = !/^\/(v1|oauth2|\.well-known)\//.test(route.url)
  return fc
    .record({
      params: paramsOf(route),
      query: queryOf(route),
      ...(body && { body }),
      bearer: fc.option(bearer, { freq: route.takesBearer ? 8 : 1, nil: undefined }),
      browser: fc.option(fc.nat({ max: 1 }), { freq: isPage ? 8 : 1, nil: undefined }),
      network: fc.nat({ max: EVERY_TIME_ANOTHER }),
      times: TIMES_IN_A_ROW,
    })
    .map(({ bearer, browser, ...request }) => ({
      route,
      ...request,
      ...(bearer && { bearer }),
      ...(browser !== undefined && { browser }),
    }))
}

/** A step in one line, for a person. */
export function described(step: Step): string {
  if ('seconds' in step) return `${duration(step.seconds)} pass`
  if ('mail' in step) return `the mail server ${step.mail}`
  if ('owner' in step) return `the owner of the address, if it has any, ${step.owner}`
  const { route, params, query, body, bearer, browser, network, times } = step
  const parts = [
    nameOf(route),
    ...(['params', 'query', 'body'] as const).flatMap(part => {
      const fields = { params, query, body }[part]
      return fields && Object.keys(fields).length > 0
        ? [`${part === 'body' ? '' : `${part} `}${describedFields(fields)}`]
        : []
    }),
    bearer && `with the bearer ${describedValue(bearer)}`,
    browser !== undefined && `in browser ${browser + 1}`,
    network === EVERY_TIME_ANOTHER ? 'from another network each time' : `from network ${network + 1}`,
    times > 1 && `${times} times`,
  ]
  return parts.filter(part => part).join(' ')
}

const describedFields = (fields: Fields) =>
  `{ ${Object.entries(fields)
    .map(([name, value]) => `${name}: ${describedValue(value)}`)
    .join(', ')} }`

function describedValue(value: Value): string {
  if ('literal' in value) return JSON.stringify(value.literal)
  if ('address' in value) return `<${value.address} address${value.written ? ` ${value.written}` : ''}>`
  return `<${value.known} ${value.number + 1}>`
}

function duration(seconds: number): string {
  const unit =
    seconds >= DAY
      ? ([DAY, 'days'] as const)
      : seconds >= HOUR
        ? ([HOUR, 'hours'] as const)
        : ([MINUTE, 'minutes'] as const)
  return seconds < MINUTE ? `${seconds} seconds` : `${Number((seconds / unit[0]).toFixed(2))} ${unit[1]}`
}
