import { validate as isUuid } from 'uuid'
import type { AccountStatus } from '../accounts/account-store.ts'
import { canonicalEmailAddress, type EmailAddress } from '../email/address.ts'
import { AdminError } from './errors.ts'

const MOST_ROWS = 1_000 // of one page

export function emailOf(text: string): EmailAddress {
  const email = canonicalEmailAddress(text)
  if (!email) throw invalid('an email address', text)
  return email
}

export function idOf(text: string): string {
  if (!isUuid(text)) throw invalid('an id, which is a UUID', text)
  return text.toLowerCase()
}

export function statusOf(text: string): AccountStatus {
  if (text !== 'unconfirmed' && text !== 'active' && text !== 'disabled')
    throw invalid('unconfirmed, active or disabled', text)
  return text
}

export function limitOf(limit: number): number {
  if (limit < 1 || limit > MOST_ROWS) throw invalid(`a limit of 1 to ${MOST_ROWS}`, String(limit))
  return limit
}

/** The name of whoever asks, as audit events show it. */
export function operatorOf(text: string): string {
  if (!/^[^\p{C}\p{Z}](?:[^\p{C}]{0,98}[^\p{C}\p{Z}])?$/u.test(text))
    throw invalid('the name of the operator, 1 to 100 visible characters', text)
  return text
}

const invalid = (needed: string, found: string) =>
  new AdminError('invalid_argument', {
    needed,
    found: JSON.stringify(found.slice(0, 200)),
    remedy: 'correct the argument',
  })
