import { type ProblemType, Refusal } from '../http/problem.ts'

/** How HTTP tells that a limit was reached. */
export const LIMIT_PROBLEMS = {
  too_many_attempts: {
    status: 429,
    title: 'There were too many attempts',
    detail:
      'The limit that the member limit names was reached, and this attempt was not made. Try again after retry-after. ' +
      'Sessions go on, and so does signing in from a device that has signed in before.',
  },
} as const satisfies Record<string, ProblemType>

export type LimitCode = keyof typeof LIMIT_PROBLEMS
export class LimitRefusal extends Refusal<LimitCode> {}
