import type { Answer, Credential } from './adapter.ts'

const LONGEST_QUOTE = 200 // characters of a body in a message: enough for an error object, too few for a page of HTML
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/ // the compact serialization of a JWS: RFC 7515, section 3.1

/** The object in the body of an answer, and the answer for the messages about it. */
export type JsonAnswer = { answer: Answer; fields: Record<string, unknown> }

/** @throws when the answer has another status, or no JSON object in its body */
export function expectJson(answer: Answer, ...statuses: [number, ...number[]]): JsonAnswer {
  if (!statuses.includes(answer.status)) return refuse(answer, `status ${statuses.join(' or ')}`)
  const fields = parsed(answer.body)
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return refuse(answer, 'a JSON object')
  return { answer, fields: fields as Record<string, unknown> }
}

/** @throws when the field is missing, empty or no string */
export function expectText({ answer, fields }: JsonAnswer, name: string): string {
  const value = fields[name]
  return typeof value === 'string' && value !== '' ? value : refuse(answer, `text in ${name}`)
}

/** Looks at the form alone: who measures a service trusts its keys. @throws when the field does not hold a JWT */
export function expectJwt(json: JsonAnswer, name: string): string {
  const text = expectText(json, name)
  return JWT.test(text) ? text : refuse(json.answer, `a JWT in ${name}`)
}

/**
 * The tokens of RFC 6749, section 5.1, of which the access token has to be a JWT.
 * @returns the refresh token
 * @throws when there are others, or none
 */
export function expectTokens(answer: Answer): Credential {
  const json = expectJson(answer, 200)
  expectJwt(json, 'access_token')
  return expectText(json, 'refresh_token')
}

/** As {@link expectTokens}. @throws also when the refresh token is the one that was exchanged */
export function expectRotatedTokens(answer: Answer, exchanged: Credential): Credential {
  const successor = expectTokens(answer)
  return successor !== exchanged ? successor : refuse(answer, 'another refresh_token than the one exchanged')
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** @throws always, with the status and the beginning of the body */
export function refuse({ status, body }: Answer, expected: string): never {
  throw new Error(`Expected ${expected}. Found: ${status} ${body.slice(0, LONGEST_QUOTE)}`)
}
