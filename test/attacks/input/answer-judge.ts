import { Value } from 'typebox/value'
import { ProblemSchema } from '../../../src/http/problem.ts'
import { OAuthErrorSchema } from '../../../src/sessions/oauth-error.ts'
import type { RawAnswer } from '../../support/raw-http.ts'

const REQUEST_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const INTERNALS = /node_modules|\bat [\w.<> ]+ \(|\/src\/\w|kysely|fastify|pg-boss/i

/** What is wrong with an answer, whatever was asked; undefined for one of the documented kinds. */
export function faultOf(answer: RawAnswer, method: string): string | undefined {
  const { status, headers, body } = answer
  const type = headers['content-type']?.split(';')[0]
  if (!REQUEST_ID.test(headers['x-request-id'] ?? '')) return `${status} without x-request-id`
  if (method === 'HEAD' || status < 400) return undefined
  if (INTERNALS.test(body)) return `${status} with internals`
  if (type === 'text/html')
    return body.startsWith('<!doctype html>') ? undefined : `${status} with HTML that is no page`
  const json = parsed(body)
  if (type === 'application/problem+json')
    return Value.Check(ProblemSchema, json) && json.status === status && json.type.endsWith(`:${json.code}`)
      ? undefined
      : `${status} with a problem document that is none: ${body.slice(0, 200)}`
  if (type === 'application/json' && Value.Check(OAuthErrorSchema, json)) return undefined
  return `${status} with neither a problem document, an OAuth error nor a page: ${type} ${body.slice(0, 100)}`
}

/** Whether an answer holds a refresh or an access token. */
export const holdsToken = ({ headers, body }: RawAnswer): boolean =>
  /"access_token":"ey|"refresh_token":"authsvc_rt_/.test(body) ||
  /auth_(refresh|access)_token=[^;]/.test(headers['set-cookie'] ?? '')

/** The code of a problem document. */
export const codeOf = ({ body }: RawAnswer): string | undefined => (parsed(body) as { code?: string } | undefined)?.code

function parsed(body: string): unknown {
  try {
    return JSON.parse(Buffer.from(body, 'latin1').toString())
  } catch {
    return undefined
  }
}
