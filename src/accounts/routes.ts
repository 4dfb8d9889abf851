import { Type } from 'typebox'
import { bearerToken } from '../http/bearer.ts'
import { languageFor } from '../http/language.ts'
import { networkOf } from '../http/network.ts'
import { BODY_PROBLEMS, HTTP_PROBLEMS, pick, problemResponses } from '../http/problem.ts'
import type { HttpServer } from '../http/server.ts'
import { LIMIT_PROBLEMS } from '../limits/errors.ts'
import { type AuthenticateNeeds, authenticate } from './authenticate.ts'
import { type CreateAccountNeeds, createAccount } from './create-account.ts'
import { deviceRoutes } from './device-routes.ts'
import { ACCOUNT_PROBLEMS } from './errors.ts'
import type { MakeDeviceKnownNeeds } from './make-device-known.ts'
import { type ReadOwnAccountNeeds, readOwnAccount } from './read-own-account.ts'

export type AccountRoutesNeeds = CreateAccountNeeds & AuthenticateNeeds & MakeDeviceKnownNeeds & ReadOwnAccountNeeds

// Longer input is refused by the area itself, with its own codes; these only bound the work before.
const Email = Type.String({ maxLength: 1_000, description: 'Canonicalised; answers show the canonical form' })
const Password = Type.String({ description: '8 (by default) to 256 code points after NFKC; 1,024 bytes at the most' })
const Id = Type.String({ format: 'uuid', description: 'UUIDv7' })
const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC' })

const SignUpBody = Type.Object(
  {
    email: Email,
    password: Password,
    locale: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,4}$',
        description: 'BCP 47 tag that letters follow; by default as accept-language says',
      }),
    ),
  },
  { additionalProperties: false },
)

const CreatedAnswer = Type.Object(
  {
    id: Id,
    email: Type.String(),
    status: Type.Literal('unconfirmed'),
    created_at: Time,
    confirmation: Type.Object({
      ticket: Type.String({
        description: 'authsvc_ct_…: proof of being the one who signed up; keep it until confirmed',
      }),
      state: Type.Literal('queued'),
    }),
  },
  { description: 'The account, unconfirmed, and the ticket of this sign-up' },
)

const SessionAnswer = Type.Object(
  {
    id: Id,
    account_id: Id,
    created_at: Time,
    expires_at: Type.String({ format: 'date-time', description: 'The sooner of the idle and the absolute end' }),
    refresh_token: Type.String({ description: 'authsvc_rt_…: exchange it at /oauth2/token' }),
    device_token: Type.String({
      description:
        'authsvc_dt_…: send it along at the next sign-in on this device, so that whoever guesses at the account ' +
        'elsewhere cannot keep its owner out. It signs nobody in',
    }),
  },
  { description: 'The session that was started' },
)

const AccountAnswer = Type.Object(
  {
    id: Id,
    email: Type.String(),
    status: Type.Literal('active'),
    locale: Type.String(),
    created_at: Time,
    confirmed_at: Time,
  },
  { description: 'The account' },
)

/** `/v1/accounts`, `/v1/sessions`, `/v1/device-tokens` and `/v1/account`. */
export function accountRoutes(server: HttpServer, needs: AccountRoutesNeeds): void {
  deviceRoutes(server, needs)

  server.post(
    '/v1/accounts',
    {
      schema: {
        operationId: 'createAccount',
        summary: 'Sign up',
        description: 'Always creates an unconfirmed account of its own, also for an address that is known already.',
        tags: ['Accounts'],
        body: SignUpBody,
        response: {
          201: CreatedAnswer,
          ...problemResponses({ ...BODY_PROBLEMS, ...LIMIT_PROBLEMS, ...pick(ACCOUNT_PROBLEMS, 'overloaded') }),
        },
      },
    },
    async (request, reply) => {
      const { email, password, locale } = request.body
      const account = await createAccount(needs, {
        email,
        password,
        locale: locale ?? languageFor(request.headers['accept-language']),
        network: networkOf(request.ip),
      })
      return reply.code(201).send({
        id: account.id,
        email: account.email,
        status: 'unconfirmed' as const,
        created_at: account.createdAt.toISOString(),
        confirmation: { ticket: account.ticket, state: 'queued' as const },
      })
    },
  )

  server.post(
    '/v1/sessions',
    {
      schema: {
        operationId: 'createSession',
        summary: 'Sign in',
        description: 'Answers with a refresh token, and no access token yet.',
        tags: ['Accounts'],
        body: Type.Object(
          {
            email: Email,
            password: Password,
            device_token: Type.Optional(
              Type.String({
                description:
                  'authsvc_dt_…, from the last sign-in on this device or from a device link; another does no harm',
              }),
            ),
          },
          { additionalProperties: false },
        ),
        response: {
          201: SessionAnswer,
          ...problemResponses({
            ...BODY_PROBLEMS,
            ...LIMIT_PROBLEMS,
            ...pick(ACCOUNT_PROBLEMS, 'invalid_credentials', 'account_disabled', 'overloaded'),
          }),
        },
      },
    },
    async (request, reply) => {
      const { email, password, device_token } = request.body
      const deviceTokens = device_token === undefined ? [] : [device_token]
      const session = await authenticate(needs, { email, password, deviceTokens, network: networkOf(request.ip) })
      return reply.code(201).send({
        id: session.id,
        account_id: session.accountId,
        created_at: session.createdAt.toISOString(),
        expires_at: session.expiresAt.toISOString(),
        refresh_token: session.refreshToken,
        device_token: session.deviceToken,
      })
    },
  )

  server.get(
    '/v1/account',
    {
      schema: {
        operationId: 'readOwnAccount',
        summary: 'Read the own account',
        tags: ['Accounts'],
        security: [{ accessToken: [] }],
        response: {
          200: AccountAnswer,
          ...problemResponses({
            ...pick(ACCOUNT_PROBLEMS, 'invalid_access_token'),
            ...pick(HTTP_PROBLEMS, 'unavailable'),
          }),
        },
      },
    },
    async request => {
      const account = await readOwnAccount(needs, bearerToken(request.headers.authorization))
      return {
        id: account.id,
        email: account.email,
        status: 'active' as const,
        locale: account.locale,
        created_at: account.createdAt.toISOString(),
        confirmed_at: account.confirmedAt!.toISOString(),
      }
    },
  )
}
