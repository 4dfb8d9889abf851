import { newAddress } from '../support/service.ts'
import { LIFETIMES, type SessionModel } from './session-model.ts'

/** One sign-up. */
export type AccountModel = {
  id: string
  email: string
  password: string
  /** Undefined when the answer of the sign-up did not arrive. */
  ticket: string | undefined
  letter: { token: string; expiresAt: number } | undefined
  status: 'unconfirmed' | 'active' | 'disabled'
  /** What confirming answered, to the letter, once it has. */
  confirmation: string | undefined
  sessions: SessionModel[]
}

export const PASSWORDS = ['the first of the passwords', 'the second of the passwords', 'the third of the passwords']
const MOST_SIGN_UPS = 3 // of an address, as letters to one are few
const MOST_FAILURES = 4 // of an address, as wrong passwords for one are few

/** What should be true, as far as a history has come. */
export class History {
  now: number
  readonly addresses = [newAddress(), newAddress()]
  readonly accounts: AccountModel[] = []
  readonly failures = new Map<string, number>()
  steps = 0
  kills = 0
  /** What each exchange of a refresh token came to. */
  readonly outcomes: string[] = []

  constructor(now: number) {
    this.now = now
  }

  get sessions(): SessionModel[] {
    return this.accounts.flatMap(({ sessions }) => sessions)
  }

  /** A session by a number: mostly one that goes on, as the others have little more to tell. */
  session(number: number): SessionModel {
    const goingOn = this.sessions.filter(session => !session.ended && !session.isExpired(this.now))
    return pick(number % 4 > 0 && goingOn.length > 0 ? goingOn : this.sessions, number >> 2)
  }

  rivalsOf(email: string): AccountModel[] {
    return this.accounts.filter(account => account.email === email)
  }

  /** The one account of an address that was confirmed. */
  confirmedOf(email: string): AccountModel | undefined {
    return this.rivalsOf(email).find(({ status }) => status !== 'unconfirmed')
  }

  ownerOf(session: SessionModel): AccountModel {
    return this.accounts.find(({ sessions }) => sessions.includes(session))!
  }

  maySignUp(email: string): boolean {
    return this.rivalsOf(email).length < MOST_SIGN_UPS
  }

  mayFail(email: string): boolean {
    return (this.failures.get(email) ?? 0) < MOST_FAILURES
  }

  failed(email: string): void {
    this.failures.set(email, (this.failures.get(email) ?? 0) + 1)
  }

  /** What confirming with an account's letter answers. @param isProven that it comes with a proof of that sign-up */
  confirming({ email, letter, ...account }: AccountModel, isProven: boolean): string {
    if (!isProven) return '403 proof_wrong'
    if (account.status !== 'unconfirmed') return '200 confirmed'
    if (this.confirmedOf(email)) return '409 confirmation_superseded'
    return this.now >= letter!.expiresAt ? '410 confirmation_expired' : '200 confirmed'
  }

  signingIn(email: string, password: string): string {
    const account = this.confirmedOf(email)
    if (account?.password !== password) return '401 invalid_credentials'
    return account.status === 'disabled' ? '403 account_disabled' : '201'
  }

  statusOf({ status, letter }: AccountModel): string {
    if (status !== 'unconfirmed') return 'confirmed'
    return letter && this.now >= letter.expiresAt ? 'expired' : 'sent'
  }

  isAccessTokenGood(session: SessionModel, issuedAt: number): boolean {
    const age = Math.floor(this.now / 1_000) - issuedAt
    return age < LIFETIMES.accessToken && !session.ended && !session.isExpired(this.now)
  }
}

/** One of a list, by a number that fast-check may shrink. */
export function pick<Item>(list: readonly Item[], number: number): Item {
  return list[number % list.length]!
}
