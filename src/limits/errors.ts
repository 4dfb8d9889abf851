import { type ProblemFacts, type ProblemType, Refusal } from '../http/problem.ts'
import type { LimitName } from './limits.ts'

/** How HTTP tells that a limit was reached. */
export const LIMIT_PROBLEMS = {
  too_many_attempts: {
    status: 429,
    title: 'There were too many attempts',
    detail:
      'The limit that the member limit names was reached, and this attempt was not made. Try again after retry-after. ' +
      'Sessions go on, and so does signing in from a device that has signed in before. Where sign-in is blocked by ' +
      'address, an account of that address is sent an email with a link that makes a device known: ' +
      'POST /v1/device-tokens.',
  },
} as const satisfies Record<string, ProblemType>

export type LimitCode = keyof typeof LIMIT_PROBLEMS

export class LimitRefusal extends Refusal<LimitCode> {
  /** The limit that the database has just found reached; undefined where this process knew it from before. */
  readonly found: LimitName | undefined

  constructor(code: LimitCode, facts: ProblemFacts, found?: LimitName) {
    super(code, facts)
    this.found = found
  }
}
