import type { HistoryEvent, Request } from './event.ts'
import { requestsOf } from './event.ts'

export type AccountRow = { id: string; email: string; status: 'unconfirmed' | 'active' | 'disabled' }

/** A letter as the mail server took it; `token` is that of its link, if it is one for confirming. */
export type TakenLetter = { to: string; messageId: string; token: string | undefined }

/** What is there after everything has come to rest. Each client signs up with an address that nobody else uses. */
export type Evidence = {
  events: readonly HistoryEvent[]
  accounts: readonly AccountRow[]
  letters: readonly TakenLetter[]
  /** Addresses of the accounts whose letters were given up. */
  givenUp: readonly string[]
  /** How many messages and letters were still waiting. */
  waiting: number
}

/** What must not happen, each with the addresses it happened to. */
export type Violations = {
  lostSignUps: string[]
  accountsWithoutLetter: string[]
  accountsNobodyAskedFor: string[]
  lettersWithoutAccount: string[]
  lettersGivenUp: string[]
  /** Letters to one sign-up that are not one and the same. */
  unlikeDuplicates: string[]
  lostConfirmations: string[]
  confirmedByNobody: string[]
  /** A client that kept to the rules lost its session. */
  lostSessions: string[]
  /** Other requests that were refused, to clients that kept to the rules. */
  refusals: string[]
}

export type Judgement = {
  violations: Violations
  /** Letters that came again, which a crash at the wrong moment cannot but cause. */
  duplicates: number
  /** Requests that were answered 2xx. */
  answered: Record<Request['operation'], number>
  /** Exchanges without an answer, after which the same token was good again. */
  repeatedExchanges: number
  /** Requests of which nobody knows whether they happened. */
  unknown: number
  accounts: number
  letters: number
  waiting: number
}

/** Judges a history against what is there. It reads nothing but its argument. */
export function judge({ events, accounts, letters, givenUp, waiting }: Evidence): Judgement {
  const requests = requestsOf(events)
  const of = (operation: Request['operation'], ...outcomes: Request['outcome'][]) =>
    requests.filter(request => request.operation === operation && outcomes.includes(request.outcome))
  const emailsOf = (found: readonly { email: string }[]) => found.map(({ email }) => email)
  const ids = new Map(accounts.map(({ id, email }) => [id, email]))
  const active = new Set(emailsOf(accounts.filter(({ status }) => status === 'active')))
  const lettersByAddress = Map.groupBy(letters, ({ to }) => to)

  const maybeSignedUp = new Set(emailsOf(of('sign up', 'ok', 'unknown')))
  const maybeConfirmed = new Set(emailsOf(of('confirm', 'ok', 'unknown')))
  const known = new Set(emailsOf(accounts))
  const perAddress = Map.groupBy(accounts, ({ email }) => email)

  return {
    violations: {
      lostSignUps: emailsOf(of('sign up', 'ok').filter(({ account, email }) => ids.get(account ?? '') !== email)),
      accountsWithoutLetter: emailsOf(accounts.filter(({ email }) => !lettersByAddress.has(email))),
      accountsNobodyAskedFor: [...perAddress].flatMap(([email, rows]) =>
        Array<string>(rows.length - (maybeSignedUp.has(email) ? 1 : 0)).fill(email),
      ),
      lettersWithoutAccount: letters.map(({ to }) => to).filter(to => !known.has(to)),
      lettersGivenUp: [...givenUp],
      unlikeDuplicates: [...lettersByAddress].filter(([, those]) => !areAlike(those)).map(([to]) => to),
      lostConfirmations: [...new Set(emailsOf(of('confirm', 'ok')))].filter(email => !active.has(email)),
      confirmedByNobody: [...active].filter(email => !maybeConfirmed.has(email)),
      lostSessions: emailsOf(of('refresh', 'failed')),
      refusals: emailsOf(requests.filter(({ operation, outcome }) => operation !== 'refresh' && outcome === 'failed')),
    },
    duplicates: letters.length - lettersByAddress.size,
    answered: {
      'sign up': of('sign up', 'ok').length,
      confirm: of('confirm', 'ok').length,
      'sign in': of('sign in', 'ok').length,
      refresh: of('refresh', 'ok').length,
    },
    repeatedExchanges: [...Map.groupBy(of('refresh', 'ok', 'unknown'), ({ email }) => email).values()].reduce(
      (sum, those) =>
        sum + those.filter(({ outcome }, i) => outcome === 'ok' && those[i - 1]?.outcome === 'unknown').length,
      0,
    ),
    unknown: requests.filter(({ outcome }) => outcome === 'unknown').length,
    accounts: accounts.length,
    letters: letters.length,
    waiting,
  }
}

function areAlike([first, ...others]: readonly TakenLetter[]): boolean {
  return others.every(({ messageId, token }) => messageId === first!.messageId && token === first!.token)
}
