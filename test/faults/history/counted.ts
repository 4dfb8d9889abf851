import type { Counted } from '../../proof/experiment.ts'
import type { Judgement, Violations } from './judge.ts'

const WHAT: Record<keyof Violations, string> = {
  lostSignUps: 'sign-ups answered 201 without an account',
  accountsWithoutLetter: 'accounts without a letter',
  accountsNobodyAskedFor: 'accounts that nobody asked for',
  lettersWithoutAccount: 'letters without an account',
  lettersGivenUp: 'letters given up',
  unlikeDuplicates: 'addresses whose letters are not one and the same',
  lostConfirmations: 'confirmations answered 200 without effect',
  confirmedByNobody: 'accounts confirmed that nobody confirmed',
  lostSessions: 'exchanges refused to a client that kept to the rules',
  refusals: 'other requests refused to a client that kept to the rules',
}

/** A judgement as an experiment tells it. @param prefix says what it is about, where there are several */
export function countedOf(judgement: Judgement, prefix = ''): Counted[] {
  const { answered, accounts, letters, waiting, violations } = judgement
  const of: Record<keyof Violations, number> = {
    lostSignUps: answered['sign up'],
    accountsWithoutLetter: accounts,
    accountsNobodyAskedFor: accounts,
    lettersWithoutAccount: letters,
    lettersGivenUp: letters,
    unlikeDuplicates: accounts,
    lostConfirmations: answered.confirm,
    confirmedByNobody: accounts,
    lostSessions: answered.refresh,
    refusals: answered['sign up'] + answered.confirm + answered['sign in'],
  }
  const kinds = Object.keys(WHAT) as (keyof Violations)[]
  return [
    ...kinds.map(kind => ({ what: prefix + WHAT[kind], count: violations[kind].length, of: of[kind] })),
    { what: `${prefix}messages and letters left waiting`, count: waiting, of: letters },
  ]
}

/** All violations of a judgement, by kind; those that did not happen are left out. */
export function violationsIn({ violations }: Judgement): Partial<Violations> {
  return Object.fromEntries(Object.entries(violations).filter(([, those]) => those.length > 0))
}
