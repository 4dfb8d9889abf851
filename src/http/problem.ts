import { type Static, Type } from 'typebox'

/** What a code means to a person, and how HTTP says it. */
export type ProblemType = { status: number; title: string; detail: string }

/** One fault of a request's body. */
export type FieldFault = { pointer: string; code: string; detail: string }

export type ProblemFacts = {
  /** Seconds until trying again makes sense. */
  retryAfter?: number
  /** Faults of single fields, for `invalid_request`. */
  errors?: FieldFault[]
  /** The limit that was reached, for `too_many_attempts`. */
  limit?: string
}

/**
 * A request that is refused, by its code; each area has a closed set of codes, and one table that maps them to HTTP.
 */
export class Refusal<Code extends string = string> extends Error {
  override name = 'Refusal'
  readonly code: Code
  readonly facts: ProblemFacts

  constructor(code: Code, facts: ProblemFacts = {}) {
    super(code)
    this.code = code
    this.facts = facts
  }
}

/** Codes that any endpoint can answer with. */
export const HTTP_PROBLEMS = {
  invalid_request: {
    status: 422,
    title: 'The request is not valid',
    detail: 'Each fault is listed under errors, with a pointer to the field.',
  },
  malformed_json: { status: 400, title: 'The body is not JSON', detail: 'Send one JSON object, in UTF-8.' },
  bad_request: { status: 400, title: 'The request is malformed', detail: 'It does not follow HTTP.' },
  expectation_failed: {
    status: 417,
    title: 'The expectation cannot be met',
    detail: 'The one that can is 100-continue; leave the expect header out.',
  },
  body_too_large: {
    status: 413,
    title: 'The body is too large',
    detail: 'A body may have 16 KB at most, and a form 100 fields.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The content type is not supported',
    detail: 'Send application/json to /v1, and application/x-www-form-urlencoded to /oauth2.',
  },
  not_found: { status: 404, title: 'There is nothing here', detail: 'The path leads to no resource; see /docs.' },
  method_not_allowed: {
    status: 405,
    title: 'The method is not allowed here',
    detail: 'The allow header lists the methods of this path.',
  },
  cross_site: {
    status: 403,
    title: 'The form was sent from another site',
    detail: 'Open the page on this service itself and send the form again.',
  },
  unavailable: {
    status: 503,
    title: 'The service is unavailable for the moment',
    detail: 'Whether anything was changed is not known. Try again shortly: repeating a request is safe.',
  },
  internal_error: {
    status: 500,
    title: 'The service has failed',
    detail: 'The fault is on our side and was logged under the x-request-id of this answer.',
  },
} as const satisfies Record<string, ProblemType>

/** Codes that any endpoint with a JSON body can answer with. */
export const BODY_PROBLEMS: Record<string, ProblemType> = pick(
  HTTP_PROBLEMS,
  'malformed_json',
  'body_too_large',
  'unsupported_media_type',
  'invalid_request',
  'unavailable',
)

export type HttpCode = keyof typeof HTTP_PROBLEMS

/** 422 with the faults of single fields. */
export const invalidRequest = (...errors: FieldFault[]): Refusal<HttpCode> => new Refusal('invalid_request', { errors })

/** RFC 9457. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'urn:auth-service:problem:<code>' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String({ description: 'Stable; made for programs' }),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          pointer: Type.String({ description: 'JSON Pointer to the field (RFC 6901)' }),
          code: Type.String(),
          detail: Type.String(),
        }),
      ),
    ),
    limit: Type.Optional(Type.String({ description: 'The limit that was reached, with too_many_attempts' })),
  },
  { $id: 'Problem', title: 'Problem', description: 'RFC 9457, application/problem+json' },
)
export type Problem = Static<typeof ProblemSchema>

export function problemOf(code: string, type: ProblemType, facts: ProblemFacts = {}): Problem {
  const { status, title, detail } = type
  const { errors, limit } = facts
  return {
    type: `urn:auth-service:problem:${code}`,
    title,
    status,
    detail,
    code,
    ...(errors && { errors }),
    ...(limit && { limit }),
  }
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

/** The `response` part of a route's schema for codes of an area, by status; a few come from every endpoint. */
export function problemResponses(types: Record<string, ProblemType>): Record<number, object> {
  const byStatus = new Map<number, string[]>()
  for (const [code, { status }] of Object.entries(types)) byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.join(', '),
        content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: 'Problem#' } } },
      },
    ]),
  )
}

/** Some entries of a table of problems. */
export function pick<Code extends string>(
  types: Record<Code, ProblemType>,
  ...codes: NoInfer<Code>[]
): Record<string, ProblemType> {
  return Object.fromEntries(codes.map(code => [code, types[code]]))
}
