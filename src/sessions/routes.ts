import { Type } from 'typebox'
import { acceptForms, type Form, fieldOf } from '../http/body.ts'
import type { HeldRefusals } from '../http/held-refusals.ts'
import { networkOf } from '../http/network.ts'
import type { HttpServer } from '../http/server.ts'
import type { ProcessLimit } from '../limits/process-limit.ts'
import { isIntact } from '../secrets/bearer-secret.ts'
import { answerOAuthError, GRANT_REFUSALS, OAuthError, OAuthErrorSchema } from './oauth-error.ts'
import type { Sessions } from './sessions.ts'

export type SessionRoutesNeeds = {
  sessions: Pick<Sessions, 'exchange' | 'revoke'>
  /** The one public client. */
  clientId: string
  /** Counts what is no refresh token, by network. */
  malformedTokens: Pick<ProcessLimit, 'count'>
  isUnavailable(error: unknown): boolean
  /** Where refusals that say when to come again wait, if they are many. */
  heldRefusals: HeldRefusals
}

const TokenAnswer = Type.Object(
  {
    access_token: Type.String({ description: 'A JWT after RFC 9068' }),
    token_type: Type.Literal('Bearer'),
    expires_in: Type.Integer({ description: 'Seconds' }),
    refresh_token: Type.String({ description: 'The successor of the one presented; keep it in its place' }),
  },
  { description: 'RFC 6749 section 5.1' },
)

const ClientId = Type.Optional(Type.String({ description: 'AUTH_CLIENT_ID, or absent' }))
const oauthErrors = (...statuses: number[]) =>
  Object.fromEntries(statuses.map(status => [status, { $ref: 'OAuthError#', description: 'RFC 6749 section 5.2' }]))

/** `/oauth2/token` (RFC 6749 section 6) and `/oauth2/revoke` (RFC 7009). */
export function sessionRoutes(server: HttpServer, needs: SessionRoutesNeeds): void {
  const { sessions, clientId, malformedTokens } = needs
  acceptForms(server)
  server.addSchema(OAuthErrorSchema)
  server.setErrorHandler(answerOAuthError(needs))
  // RFC 6749 has errors of its own for parameters that are missing or repeated, and ignores unknown ones: the schema
  // is for the reader, and parameters are judged in the handlers.
  const documentationOnly = () => () => true

  server.post(
    '/oauth2/token',
    {
      validatorCompiler: documentationOnly,
      config: { goesFirst: true },
      schema: {
        operationId: 'exchangeRefreshToken',
        summary: 'Exchange a refresh token for an access token',
        description: 'The refresh token is rotated. Repeating the call, at once or after a lost answer, is safe.',
        tags: ['OAuth'],
        consumes: ['application/x-www-form-urlencoded'],
        body: Type.Object({
          grant_type: Type.Literal('refresh_token'),
          refresh_token: Type.String(),
          client_id: ClientId,
        }),
        response: { 200: TokenAnswer, ...oauthErrors(400, 401, 413, 415, 429, 503) },
      },
    },
    async (request, reply) => {
      const form = request.body as Form | undefined
      refuseRepeated(form)
      const grantType = needed(form, 'grant_type')
      if (grantType !== 'refresh_token')
        throw new OAuthError('unsupported_grant_type', 'The one supported grant_type is refresh_token.')
      refuseOtherClients(form, clientId)
      const network = networkOf(request.ip)
      const refreshToken = needed(form, 'refresh_token')
      const exchange = await sessions.exchange(refreshToken, network)
      if ('refused' in exchange) {
        if (exchange.refused === 'malformed' && !isIntact(refreshToken)) malformedTokens.count(network)
        throw new OAuthError('invalid_grant', GRANT_REFUSALS[exchange.refused], { reason: exchange.refused })
      }
      reply.headers({ 'cache-control': 'no-store', pragma: 'no-cache' })
      return {
        access_token: exchange.accessToken,
        token_type: 'Bearer' as const,
        expires_in: exchange.expiresIn,
        refresh_token: exchange.refreshToken,
      }
    },
  )

  server.post(
    '/oauth2/revoke',
    {
      validatorCompiler: documentationOnly,
      config: { goesFirst: true },
      schema: {
        operationId: 'revokeToken',
        summary: 'End a session (sign out)',
        description: 'Ends the session of any genuine token of it; answers 200 for anything else too.',
        tags: ['OAuth'],
        consumes: ['application/x-www-form-urlencoded'],
        body: Type.Object({
          token: Type.String({ description: 'A refresh token of any generation, or an access token' }),
          token_type_hint: Type.Optional(Type.String()),
          client_id: ClientId,
        }),
        response: {
          200: Type.Object({}, { description: 'The session, if there was one, has ended' }),
          ...oauthErrors(400, 401, 413, 415, 503),
        },
      },
    },
    async request => {
      const form = request.body as Form | undefined
      refuseRepeated(form)
      refuseOtherClients(form, clientId)
      await sessions.revoke(needed(form, 'token'), networkOf(request.ip))
      return {}
    },
  )
}

// RFC 6749 section 3.2: parameters must not be included more than once.
function refuseRepeated(form: Form | undefined): void {
  for (const name in form)
    if (Array.isArray(form[name]))
      throw new OAuthError('invalid_request', `A parameter was sent twice: ${printable(name)}`)
}

function refuseOtherClients(form: Form | undefined, clientId: string): void {
  const given = fieldOf(form, 'client_id')
  if (given !== undefined && given !== clientId)
    throw new OAuthError('invalid_client', 'There is no client of this client_id.', { status: 401 })
}

function needed(form: Form | undefined, name: string): string {
  const value = fieldOf(form, name)
  if (value === undefined) throw new OAuthError('invalid_request', `A parameter is missing: ${name}`)
  return value
}

// RFC 6749 section 5.2 allows few characters in a description.
const printable = (text: string): string => text.slice(0, 50).replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?')
