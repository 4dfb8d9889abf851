import { type ProblemType, Refusal } from '../http/problem.ts'

/** Why accounts refuses, and how HTTP says it. */
export const ACCOUNT_PROBLEMS = {
  invalid_credentials: {
    status: 401,
    title: 'The address and the password do not fit',
    detail:
      'Either the password is wrong, or no account has this address, or the account is not confirmed yet. ' +
      'POST /v1/confirmation-letters with the address asks for another confirmation letter.',
  },
  account_disabled: {
    status: 403,
    title: 'The account is disabled',
    detail: 'The password is right, but the account was disabled by the operator of this service.',
  },
  invalid_access_token: {
    status: 401,
    title: 'The access token is not valid',
    detail:
      'It is missing, malformed, expired, or its session has ended. ' +
      'Exchange the refresh token for another at /oauth2/token, or sign in again.',
  },
  device_link_unusable: {
    status: 404,
    title: 'The device link is not usable',
    detail:
      'It was cut off or changed on its way, was used before, or has expired. ' +
      'While sign-in is blocked, another attempt to sign in has another email sent.',
  },
  overloaded: {
    status: 503,
    title: 'The service is at its limit',
    detail: 'Too many passwords wait to be verified. Nothing was changed; try again after retry-after.',
  },
} as const satisfies Record<string, ProblemType>

export type AccountCode = keyof typeof ACCOUNT_PROBLEMS
export class AccountRefusal extends Refusal<AccountCode> {}

/** Codes of single fields in a 422. */
export const FIELD_FAULTS = {
  email_invalid: 'This is no e-mail address that letters can be sent to, such as ann@example.com.',
  password_too_short: 'The password is too short.',
  password_too_long: 'The password is too long: 256 characters at the most.',
  password_too_common: 'The password is among those that are guessed first. Choose another.',
} as const
export type FieldFaultCode = keyof typeof FIELD_FAULTS
