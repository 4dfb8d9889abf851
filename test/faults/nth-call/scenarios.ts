import { setTimeout as pause } from 'node:timers/promises'
import { type Answer, exchange, newAddress, PASSWORD, send, signIn } from '../../support/service.ts'
import type { World } from './world.ts'

const SHARED_FOR = 1_000 // milliseconds that a good result of /readyz is shared for; then it asks the database again

/** One request that succeeds when nothing fails, for a route. */
export type Scenario = {
  /** Method and path, as in openapi.json. */
  route: string
  /** Who reads its errors: a program, an OAuth client, a person or a load balancer. */
  reader: 'program' | 'oauth' | 'person' | 'balancer'
  /** The status of its success. */
  success: number
  prepare(world: World): Promise<Attempt>
}

export type Attempt = {
  path: string
  request: Parameters<typeof send>[1]
  /** Whether what a success tells has happened. */
  isTrue(answer: Answer): boolean | Promise<boolean>
  /** Whether the change that the request asks for was made, whatever the answer; undefined where it asks for none. */
  hasHappened?(): Promise<boolean>
}

export const INTERFACE_SCENARIOS: readonly Scenario[] = [
  {
    route: 'POST /v1/accounts',
    reader: 'program',
    success: 201,
    prepare: async world => {
      const email = newAddress()
      return {
        path: '/v1/accounts',
        request: { json: { email, password: PASSWORD } },
        isTrue: async ({ body }) =>
          (await world.query('select 1 from account where id = $1', [body.id])).length === 1 &&
          (await send(`${world.url}/v1/confirmation`, bearer(body.confirmation.ticket))).status === 200,
        hasHappened: () => hasAccount(world, email),
      }
    },
  },
  {
    route: 'POST /v1/sessions',
    reader: 'program',
    success: 201,
    prepare: async world => {
      const { email, password } = await world.confirmed()
      return {
        path: '/v1/sessions',
        request: { json: { email, password } },
        isTrue: async ({ body }) => (await exchange(world, body.refresh_token)).status === 200,
      }
    },
  },
  {
    route: 'POST /v1/device-tokens',
    reader: 'program',
    success: 201,
    prepare: async world => {
      const { linkId, token } = await world.deviceLink()
      return {
        path: '/v1/device-tokens',
        request: { json: { token } },
        isTrue: ({ body }) => body.device_token.startsWith('authsvc_dt_') && isDeviceLinkUsed(world, linkId),
        hasHappened: () => isDeviceLinkUsed(world, linkId),
      }
    },
  },
  {
    route: 'GET /v1/account',
    reader: 'program',
    success: 200,
    prepare: async world => {
      const account = await world.confirmed()
      const { body } = await exchange(world, await signIn(world, account))
      return {
        path: '/v1/account',
        request: bearer(body.access_token),
        isTrue: answer => answer.body.id === account.id,
      }
    },
  },
  {
    route: 'POST /oauth2/token',
    reader: 'oauth',
    success: 200,
    prepare: async world => {
      const token = await signIn(world, await world.confirmed())
      return {
        path: '/oauth2/token',
        request: { form: { grant_type: 'refresh_token', refresh_token: token } },
        isTrue: async ({ body }) =>
          (await exchange(world, body.refresh_token)).status === 200 &&
          (await send(`${world.url}/v1/account`, bearer(body.access_token))).status === 200,
      }
    },
  },
  {
    route: 'POST /oauth2/revoke',
    reader: 'oauth',
    success: 200,
    prepare: async world => {
      const account = await world.confirmed()
      const token = await signIn(world, account)
      return {
        path: '/oauth2/revoke',
        request: { form: { token } },
        isTrue: async () => (await exchange(world, token)).body.reason === 'revoked',
        hasHappened: () => hasEndedSession(world, account.id),
      }
    },
  },
  {
    route: 'GET /v1/confirmation',
    reader: 'program',
    success: 200,
    prepare: async world => {
      const { ticket } = await world.signedUp()
      return { path: '/v1/confirmation', request: bearer(ticket), isTrue: ({ body }) => body.state === 'sent' }
    },
  },
  {
    route: 'POST /v1/confirmations',
    reader: 'program',
    success: 200,
    prepare: async world => {
      const { id, token, ticket } = await world.signedUp()
      const hasHappened = () => isConfirmed(world, id)
      return {
        path: '/v1/confirmations',
        request: { json: { token, ticket } },
        isTrue: hasHappened,
        hasHappened,
      }
    },
  },
  {
    route: 'POST /v1/confirmation-letters',
    reader: 'program',
    success: 202,
    prepare: async world => {
      const { ticket } = await world.signedUp()
      return { path: '/v1/confirmation-letters', request: { json: { ticket } }, isTrue: () => true }
    },
  },
  {
    route: 'POST /v1/confirmation-letters',
    reader: 'program',
    success: 202,
    prepare: async world => {
      const before = await lettersAskedFor(world)
      return {
        path: '/v1/confirmation-letters',
        request: { json: { email: newAddress() } },
        isTrue: async () => (await lettersAskedFor(world)) > before,
        hasHappened: async () => (await lettersAskedFor(world)) > before,
      }
    },
  },
  {
    route: 'GET /readyz',
    reader: 'balancer',
    success: 200,
    prepare: async () => {
      await pause(SHARED_FOR)
      return { path: '/readyz', request: {}, isTrue: ({ body }) => body.status === 'ok' }
    },
  },
  ...['/livez', '/.well-known/jwks.json', '/.well-known/oauth-authorization-server'].map(
    (path): Scenario => ({
      route: `GET ${path}`,
      reader: 'program',
      success: 200,
      prepare: async () => ({ path, request: {}, isTrue: () => true }),
    }),
  ),
]

export const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

export async function hasAccount({ query }: World, email: string): Promise<boolean> {
  return (await query('select 1 from account where email = $1', [email])).length > 0
}

export async function hasEndedSession({ query }: World, accountId: string): Promise<boolean> {
  return (await query('select 1 from session where account_id = $1 and ended_at is not null', [accountId])).length > 0
}

export async function isConfirmed({ query }: World, id: string): Promise<boolean> {
  const [account] = await query<{ status: string }>('select status from account where id = $1', [id])
  return account?.status === 'active'
}

export async function isDeviceLinkUsed({ query }: World, id: string): Promise<boolean> {
  return (await query('select 1 from device_link where link_id = $1 and used_at is not null', [id])).length > 0
}

async function lettersAskedFor({ query }: World): Promise<number> {
  const [row] = await query<{ count: number }>(
    `select count(*)::int as count from pgboss.job where name in ('letter.requested', 'letter.requested_by_address')`,
  )
  return row!.count
}
