import { type Answer, headerOf, jsonOf, type Request } from './client.ts'

/** What a service knows about an address. Nobody but its owner should be able to tell which. */
export const CLASSES = ['unknown', 'unconfirmed', 'confirmed'] as const
export type AddressClass = (typeof CLASSES)[number]

/** One address, and what a stranger has who signed up with it. */
export type Subject = {
  email: string
  /** The password of the stranger's own sign-up. The owner's is another. */
  password: string
  /** From the response to that sign-up; of several, the last. */
  ticket?: string
  /** From the responses to all of them, where there were several. */
  tickets?: string[]
  /** The same from the page, as a browser would send it. */
  cookie?: string
}

export type Endpoint = {
  /** Unique. */
  name: string
  /** As the table shows it. */
  request: string
  /** What a service answers, whoever has the address. */
  expected: number
  /** @param index which of several in a row */
  ask(subject: Subject, index?: number): Request
  /** What the stranger did with the address before; each such chain has addresses of its own. */
  chain: 'sign-up' | 'page sign-up' | 'no sign-up' | 'many sign-ins' | 'many sign-ups'
  /** Takes what later requests of the chain need from the answer. */
  learn?(subject: Subject, answer: Answer): void
  /** Whether it is asked only when the letter of the chain's sign-up was sent. */
  isAfterLetter?: true
  /** Whether it starts a sign-up. Unless there are several in a row, each address is to get one letter. */
  isSignUp?: true
  /** How often it is asked in a row, 1 unless given. */
  times?: number
  /** Whether its latency is measured. */
  isTimed?: true
}

const WRONG_PASSWORD = 'not the password of any account'

/** More than a service may let pass for one address: a limit must not tell either whose the address is. */
const MANY = 12

/** As many emails as an address gets in an hour: what other events take away from them shows by the last. */
const SIGN_UPS = 5

const fromOwnPage = (origin: string) => ({ origin, 'sec-fetch-site': 'same-origin' })

/** Everything of the service that takes an address, or what a sign-up with an address has given out. */
export function endpointsOf(origin: string): Endpoint[] {
  const page = (path: string, form: Record<string, string>): Request => ({
    method: 'POST',
    path,
    form,
    headers: fromOwnPage(origin),
  })
  const signIn = (email: string, password: string): Request => ({
    method: 'POST',
    path: '/v1/sessions',
    json: { email, password },
  })
  return [
    {
      name: 'sign-in, wrong password',
      request: 'POST /v1/sessions',
      expected: 401,
      chain: 'no sign-up',
      ask: ({ email }) => signIn(email, WRONG_PASSWORD),
      isTimed: true,
    },
    {
      name: 'request for a letter',
      request: 'POST /v1/confirmation-letters',
      expected: 202,
      chain: 'no sign-up',
      ask: ({ email }) => ({ method: 'POST', path: '/v1/confirmation-letters', json: { email } }),
      isTimed: true,
    },
    {
      name: 'sign-up',
      request: 'POST /v1/accounts',
      expected: 201,
      chain: 'sign-up',
      ask: ({ email, password }) => ({ method: 'POST', path: '/v1/accounts', json: { email, password } }),
      learn(subject, answer) {
        subject.ticket = jsonOf(answer)?.confirmation?.ticket
      },
      isSignUp: true,
      isTimed: true,
    },
    {
      name: 'status by ticket',
      request: 'GET /v1/confirmation',
      expected: 200,
      chain: 'sign-up',
      isAfterLetter: true,
      ask: statusRequest,
      isTimed: true,
    },
    {
      name: 'sign-in, own sign-up',
      request: 'POST /v1/sessions',
      expected: 401,
      chain: 'sign-up',
      ask: ({ email, password }) => signIn(email, password),
    },
    {
      name: 'page: sign-in',
      request: 'POST /sign-in',
      expected: 401,
      chain: 'no sign-up',
      ask: ({ email }) => page('/sign-in', { email, password: WRONG_PASSWORD }),
      isTimed: true,
    },
    {
      name: 'page: letter',
      request: 'POST /confirm/letter',
      expected: 202,
      chain: 'no sign-up',
      ask: ({ email }) => page('/confirm/letter', { email }),
      isTimed: true,
    },
    {
      name: 'page: sign-up',
      request: 'POST /sign-up',
      expected: 303,
      chain: 'page sign-up',
      ask: ({ email, password }) => page('/sign-up', { email, password }),
      learn(subject, answer) {
        subject.cookie = headerOf(answer, 'set-cookie')?.split(';', 1)[0] ?? ''
        subject.ticket = subject.cookie.slice(subject.cookie.indexOf('=') + 1)
      },
      isSignUp: true,
      isTimed: true,
    },
    {
      name: 'page: status',
      request: 'GET /confirm',
      expected: 200,
      chain: 'page sign-up',
      isAfterLetter: true,
      ask: ({ cookie = '' }) => ({ method: 'GET', path: '/confirm', headers: { cookie } }),
    },
    {
      name: 'request before sign-ups',
      request: 'POST /v1/confirmation-letters',
      expected: 202,
      chain: 'many sign-ups',
      ask: ({ email }) => ({ method: 'POST', path: '/v1/confirmation-letters', json: { email } }),
    },
    {
      name: `sign-up, ${SIGN_UPS} in a row`,
      request: 'POST /v1/accounts',
      expected: 201,
      chain: 'many sign-ups',
      times: SIGN_UPS,
      ask: ({ email, password }) => ({ method: 'POST', path: '/v1/accounts', json: { email, password } }),
      learn(subject, answer) {
        subject.ticket = jsonOf(answer)?.confirmation?.ticket
        subject.tickets = [...(subject.tickets ?? []), subject.ticket ?? '']
      },
      isSignUp: true,
    },
    {
      name: `status by ${SIGN_UPS} tickets`,
      request: 'GET /v1/confirmation',
      expected: 200,
      chain: 'many sign-ups',
      times: SIGN_UPS,
      isAfterLetter: true,
      ask: ({ tickets }, index = 0) => statusRequest({ ticket: tickets?.[index] ?? '' }),
    },
    {
      name: 'request after sign-ups',
      request: 'POST /v1/confirmation-letters',
      expected: 202,
      chain: 'many sign-ups',
      ask: ({ email }) => ({ method: 'POST', path: '/v1/confirmation-letters', json: { email } }),
    },
    {
      name: `status by ${SIGN_UPS} tickets, later`,
      request: 'GET /v1/confirmation',
      expected: 200,
      chain: 'many sign-ups',
      times: SIGN_UPS,
      isAfterLetter: true,
      ask: ({ tickets }, index = 0) => statusRequest({ ticket: tickets?.[index] ?? '' }),
    },
    {
      name: 'sign-in, 12 in a row',
      request: 'POST /v1/sessions',
      expected: 401,
      chain: 'many sign-ins',
      times: MANY,
      ask: ({ email }) => signIn(email, WRONG_PASSWORD),
    },
  ]
}

/** How far the confirmation of a sign-up is. */
export function statusRequest({ ticket = '' }: Pick<Subject, 'ticket'>): Request {
  return { method: 'GET', path: '/v1/confirmation', headers: { authorization: `Bearer ${ticket}` } }
}

/** Whether an answer is the limit on wrong passwords of one address, which is part of what is compared. */
export function isLimitOfAddress(answer: Answer): boolean {
  return answer.status === 429 && /^sign_in_by_address/.test(jsonOf(answer)?.limit)
}
