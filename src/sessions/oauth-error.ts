import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { HeldRefusals } from '../http/held-refusals.ts'
import { LimitRefusal } from '../limits/errors.ts'
import type { RefusalReason } from './sessions.ts'

/** The error codes of RFC 6749 section 5.2 that this service answers with, and the one for a fault of its own. */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unsupported_grant_type'
  | 'temporarily_unavailable'
  | 'server_error'

export const OAuthErrorSchema = Type.Object(
  {
    error: Type.String(),
    error_description: Type.String(),
    reason: Type.Optional(
      Type.Enum(['expired', 'revoked', 'reused', 'malformed'], {
        description: 'Why a refresh token is refused, with invalid_grant',
      }),
    ),
  },
  { $id: 'OAuthError', title: 'OAuth error', description: 'RFC 6749 section 5.2' },
)

/** A refusal that OAuth endpoints answer with, in the words of RFC 6749. */
export class OAuthError extends Error {
  override name = 'OAuthError'
  readonly error: OAuthErrorCode
  readonly status: number
  readonly reason: RefusalReason | undefined
  /** Seconds until trying again makes sense. */
  readonly retryAfter: number | undefined

  constructor(
    error: OAuthErrorCode,
    description: string,
    { status = 400, reason, retryAfter }: { status?: number; reason?: RefusalReason; retryAfter?: number } = {},
  ) {
    super(description)
    this.error = error
    this.status = status
    this.reason = reason
    this.retryAfter = retryAfter
  }
}

export const GRANT_REFUSALS: Record<RefusalReason, string> = {
  expired: 'The session has expired. Sign in again.',
  revoked: 'The session was ended. Sign in again.',
  reused:
    'This refresh token was used before, and somebody went on with its successor. The session was ended, since one of the two may be a thief. Sign in again.',
  malformed: 'This is no refresh token of this service.',
}

type OAuthErrorNeeds = {
  isUnavailable(error: unknown): boolean
  /** Where refusals that say when to come again wait, if they are many. */
  heldRefusals: HeldRefusals
}

/** Answers errors of `/oauth2` as RFC 6749 section 5.2 does; none of them is a 5xx for bad input. */
export function answerOAuthError({ isUnavailable, heldRefusals }: OAuthErrorNeeds) {
  return async (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const answer = oauthErrorOf(error, isUnavailable)
    if (answer.status >= 500) request.log[answer.status === 503 ? 'warn' : 'error']({ err: error }, 'a request failed')
    if (answer.retryAfter !== undefined) reply.header('retry-after', answer.retryAfter)
    if (answer.status === 429) await heldRefusals.wait()
    const { reason, message } = answer
    return reply
      .code(answer.status)
      .headers({ 'cache-control': 'no-store', pragma: 'no-cache' })
      .type('application/json')
      .send(JSON.stringify({ error: answer.error, error_description: message, ...(reason && { reason }) }))
  }
}

function oauthErrorOf(error: unknown, isUnavailable: (error: unknown) => boolean): OAuthError {
  if (error instanceof OAuthError) return error
  if (error instanceof LimitRefusal)
    return new OAuthError('temporarily_unavailable', 'Too many tokens from here were not genuine.', {
      status: 429,
      retryAfter: error.facts.retryAfter ?? 1,
    })
  const { statusCode = 500, code } = error as Partial<FastifyError>
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new OAuthError('invalid_request', 'Send application/x-www-form-urlencoded.', { status: 415 })
  if (statusCode < 500)
    return new OAuthError('invalid_request', 'The request is malformed or too large.', { status: statusCode })
  if (isUnavailable(error))
    return new OAuthError('temporarily_unavailable', 'Try again shortly: repeating a request is safe.', {
      status: 503,
      retryAfter: 1,
    })
  return new OAuthError('server_error', 'The fault is on our side and was logged.', { status: 500 })
}
