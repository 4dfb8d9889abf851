import type { FastifyReply, FastifyRequest } from 'fastify'
import type { HeldRefusals } from '../../http/held-refusals.ts'
import { html } from '../../http/html.ts'
import { HTTP_PROBLEMS, type ProblemType, type Refusal } from '../../http/problem.ts'
import { refusalOf } from '../../http/refusal-of.ts'
import { layout } from './layout.ts'

export type PageProblems = Record<string, ProblemType>

/** Says when trying again makes sense, where the refusal is one of the moment. */
export function tellRetryAfter(reply: FastifyReply, { facts }: Refusal, status: number): void {
  const retryAfter = facts.retryAfter ?? (status === 503 ? 1 : undefined)
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
}

/** What a refusal tells a person: the faults of the fields, or what its code means. */
export function explanationOf({ code, facts }: Refusal, problems: PageProblems): { status: number; text: string } {
  const type = problems[code] ?? HTTP_PROBLEMS.internal_error
  const faults = facts.errors?.map(({ detail }) => detail).join(' ')
  const words = facts.limit?.startsWith('sign_in_by_address') ? SIGN_IN_BLOCKED : PAGE_WORDS[code]
  return { status: type.status, text: faults || words || type.detail }
}

// The same whether or not there is an account.
const SIGN_IN_BLOCKED =
  'There were too many attempts to sign in with this address. If it has an account, we have sent it an email with a ' +
  'link: open that in this browser, then sign in. Or wait a while and try again.'

// The details of the interface are for developers; these are for whoever sits in front of the page.
const PAGE_WORDS: Record<string, string> = {
  invalid_credentials:
    'The address and the password do not fit, or the address was not confirmed yet. Check both, or ask for another confirmation letter below.',
  account_disabled: 'This account was disabled. Ask whoever runs this service.',
  too_many_attempts: 'There were too many attempts. Please wait a while and try again.',
  device_link_unusable:
    'This link is not usable: it works once, and for a day. If sign-in is still blocked, try to sign in, and another one is sent to you.',
  overloaded: 'Too many people are signing in just now. Please try again in a moment.',
  unavailable: 'The service is not available for the moment. Please try again shortly.',
  confirmation_unknown:
    'This link is not known. Perhaps it was cut off on its way, or it is so old that the sign-up is gone. Signing up again always works.',
  proof_required: 'Please enter the password that you chose when you signed up.',
  proof_wrong:
    'This is not the password that was chosen at this sign-up. If you did not sign up yourself, leave the letter as it is: signing up again always works.',
  confirmation_superseded:
    'This address was confirmed by another sign-up already. Sign in with the password chosen there.',
  confirmation_expired: 'This link has expired. Ask for another letter below, or sign up again.',
  unsupported_media_type: 'The form was sent in a way that this page does not understand.',
}

type PageErrorNeeds = {
  problems: PageProblems
  isUnavailable(error: unknown): boolean
  heldRefusals: HeldRefusals
}

/** Answers errors that no page has a place for with a page of their own. */
export function answerPageError({ problems, isUnavailable, heldRefusals }: PageErrorNeeds) {
  return async (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const refusal = refusalOf(error, isUnavailable)
    const { status, text } = explanationOf(refusal, problems)
    if (status === 500) request.log.error({ err: error }, 'a page failed')
    tellRetryAfter(reply, refusal, status)
    if (refusal.facts.retryAfter !== undefined) await heldRefusals.wait()
    const body = html`<p>${text}</p><p><a href="/">To the start</a></p>`
    return reply
      .code(status)
      .type('text/html; charset=utf-8')
      .send(layout({ title: 'This did not work', body }))
  }
}
