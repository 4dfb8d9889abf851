import { newAddress, PASSWORD, signIn } from '../../support/service.ts'
import { type Attempt, hasAccount, hasEndedSession, isConfirmed, isDeviceLinkUsed, type Scenario } from './scenarios.ts'
import type { World } from './world.ts'

const SUCCESSES: Record<string, number> = {
  'POST /sign-up': 303,
  'POST /sign-in': 303,
  'POST /sign-out': 303,
  'POST /confirm/letter': 303,
  'POST /device': 303,
}

/** The pages, the mailbox apart, which asks no database. */
export const PAGE_SCENARIOS: readonly Scenario[] = [
  page('GET /', async () => ({ path: '/', request: {}, isTrue: () => true })),
  page('GET /sign-up', async () => ({ path: '/sign-up', request: {}, isTrue: () => true })),
  page('GET /sign-in', async () => ({ path: '/sign-in', request: {}, isTrue: () => true })),
  page('POST /sign-up', async world => {
    const email = newAddress()
    return {
      path: '/sign-up',
      request: { form: { email, password: PASSWORD }, headers: { origin: world.url } },
      isTrue: async ({ headers }) =>
        headers.getSetCookie().some(cookie => cookie.startsWith('auth_ticket=authsvc_ct_')) &&
        (await hasAccount(world, email)),
      hasHappened: () => hasAccount(world, email),
    }
  }),
  page('GET /confirm', async world => {
    const { ticket } = await world.signedUp()
    return {
      path: '/confirm',
      request: { headers: { cookie: `auth_ticket=${ticket}` } },
      isTrue: ({ text }) => text.includes('was sent'),
    }
  }),
  page('GET /confirm', async world => {
    const { token, email } = await world.signedUp()
    return { path: `/confirm?token=${token}`, request: {}, isTrue: ({ text }) => text.includes(email) }
  }),
  page('POST /confirm', async world => {
    const { id, token, ticket } = await world.signedUp()
    return {
      path: '/confirm',
      request: { form: { token }, headers: { origin: world.url, cookie: `auth_ticket=${ticket}` } },
      isTrue: () => isConfirmed(world, id),
      hasHappened: () => isConfirmed(world, id),
    }
  }),
  page('POST /confirm', async world => {
    const { id, token } = await world.signedUp()
    return {
      path: '/confirm',
      request: { form: { token, password: PASSWORD }, headers: { origin: world.url } },
      isTrue: () => isConfirmed(world, id),
      hasHappened: () => isConfirmed(world, id),
    }
  }),
  page('GET /device', async world => {
    const { email, token } = await world.deviceLink()
    return { path: `/device?token=${token}`, request: {}, isTrue: ({ text }) => text.includes(email) }
  }),
  page('POST /device', async world => {
    const { linkId, token } = await world.deviceLink()
    return {
      path: '/device',
      request: { form: { token }, headers: { origin: world.url } },
      isTrue: ({ headers }) =>
        headers.getSetCookie().some(cookie => cookie.startsWith('auth_device_token=authsvc_dt_')),
      hasHappened: () => isDeviceLinkUsed(world, linkId),
    }
  }),
  page('POST /confirm/letter', async world => {
    const { ticket } = await world.signedUp()
    return {
      path: '/confirm/letter',
      request: { form: {}, headers: { origin: world.url, cookie: `auth_ticket=${ticket}` } },
      isTrue: () => true,
    }
  }),
  page('POST /sign-in', async world => {
    const { email, password } = await world.confirmed()
    return {
      path: '/sign-in',
      request: { form: { email, password }, headers: { origin: world.url } },
      isTrue: ({ headers }) =>
        headers.getSetCookie().some(cookie => cookie.startsWith('auth_refresh_token=authsvc_rt_')),
    }
  }),
  page('GET /account', async world => {
    const account = await world.confirmed()
    const token = await signIn(world, account)
    return {
      path: '/account',
      request: { headers: { cookie: `auth_refresh_token=${token}` } },
      isTrue: ({ text }) => text.includes(account.id),
    }
  }),
  page('POST /sign-out', async world => {
    const account = await world.confirmed()
    const token = await signIn(world, account)
    return {
      path: '/sign-out',
      request: { form: {}, headers: { origin: world.url, cookie: `auth_refresh_token=${token}` } },
      isTrue: () => hasEndedSession(world, account.id),
      hasHappened: () => hasEndedSession(world, account.id),
    }
  }),
]

function page(route: string, prepare: (world: World) => Promise<Attempt>): Scenario {
  return { route, reader: 'person', success: SUCCESSES[route] ?? 200, prepare }
}
