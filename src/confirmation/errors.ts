import { type ProblemType, Refusal } from '../http/problem.ts'

/** Why confirmation refuses, and how HTTP says it. */
export const CONFIRMATION_PROBLEMS = {
  invalid_ticket: {
    status: 401,
    title: 'The confirmation ticket is not valid',
    detail: 'Send the ticket of the sign-up as authorization: Bearer authsvc_ct_….',
  },
  confirmation_unknown: {
    status: 404,
    title: 'The confirmation link is not known',
    detail:
      'It was cut off or changed on its way, or its account was not confirmed within 7 days and is gone. ' +
      'Open the link of the letter again as it stands, or sign up again.',
  },
  proof_required: {
    status: 403,
    title: 'A proof of the sign-up is needed',
    detail: 'Send the ticket that the sign-up returned, or the password that was chosen there, along with the token.',
  },
  proof_wrong: {
    status: 403,
    title: 'The proof does not belong to this sign-up',
    detail:
      'The ticket or the password is that of another sign-up. Whoever did not ask for the letter can leave it: ' +
      'signing up again always works.',
  },
  confirmation_superseded: {
    status: 409,
    title: 'The address was confirmed by another sign-up',
    detail: 'There is an account of this address already; sign in with its password.',
  },
  confirmation_expired: {
    status: 410,
    title: 'The confirmation link has expired',
    detail: 'Ask for another letter with POST /v1/confirmation-letters, or sign up again.',
  },
} as const satisfies Record<string, ProblemType>

export type ConfirmationCode = keyof typeof CONFIRMATION_PROBLEMS
export class ConfirmationRefusal extends Refusal<ConfirmationCode> {}
