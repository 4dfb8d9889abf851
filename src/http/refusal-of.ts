import type { IncomingMessage } from 'node:http'
import type { FastifyError } from 'fastify'
import { type HttpCode, Refusal } from './problem.ts'
import { fieldFaultsOf } from './validation.ts'

/**
 * The refusal that any error means, the framework's own included.
 * @param isUnavailable whether an error means that something the service needs is away
 */
export function refusalOf(error: unknown, isUnavailable: (error: unknown) => boolean): Refusal {
  if (error instanceof Refusal) return error
  const { validation, code, statusCode } = error as Partial<FastifyError>
  // The framework gives a status to what the client did; an upload that it broke off has the code of a lost database.
  const isFaultOfClient = statusCode !== undefined && statusCode < 500
  if (!isFaultOfClient && isUnavailable(error)) return new Refusal('unavailable')
  if (validation) return new Refusal('invalid_request', { errors: fieldFaultsOf(error as FastifyError) })
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new Refusal('body_too_large')
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return new Refusal('unsupported_media_type')
  if (
    code === 'FST_ERR_CTP_EMPTY_JSON_BODY' ||
    code === 'FST_ERR_CTP_INVALID_JSON_BODY' ||
    error instanceof SyntaxError
  )
    return new Refusal('malformed_json')
  return new Refusal(isFaultOfClient ? 'bad_request' : 'internal_error')
}

/** What the headers of a request alone are refused for: whom it is meant for (RFC 9112 section 3.2), and what it expects. */
export function headersRefusal({ httpVersion, headers, rawHeaders }: IncomingMessage): HttpCode | undefined {
  let hosts = 0
  for (let index = 0; index < rawHeaders.length; index += 2) if (isHost(rawHeaders[index]!)) hosts++
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) return 'bad_request'
  const { expect } = headers
  const isMet = expect === undefined || expect.toLowerCase() === '100-continue' || httpVersion === '1.0'
  return isMet ? undefined : 'expectation_failed'
}

const isHost = (name: string) => name.length === 4 && name.toLowerCase() === 'host'
