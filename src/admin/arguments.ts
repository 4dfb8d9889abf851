import { isIP } from 'node:net'
import { validate as isUuid } from 'uuid'
import type { AccountStatus } from '../accounts/account-store.ts'
import { canonicalEmailAddress, type EmailAddress } from '../email/address.ts'
import { networkOf } from '../http/network.ts'
import { parseDuration, SettingFault } from '../settings.ts'
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

/** The network of an IP address, or one in the form in which events hold it. */
export function recordedNetworkOf(text: string): string {
  const address = text.replace(/::\/64$/, '::')
  if (isIP(address) === 0 || address.includes('%')) throw invalid('an IP address, or the /64 of an IPv6 one', text)
  return networkOf(address.toLowerCase())
}

/** The id of an audit event. */
export function eventIdOf(text: string): string {
  if (!/^\d{1,18}$/.test(text)) throw invalid('the id of an event, which is a number', text)
  return text
}

const DATE_TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/

/**
 * The time at which a span begins that lasts until now.
 * @param text a length of time such as `2h`, or a date, or a date and time with its offset (RFC 3339)
 * @returns seconds before now, or the time
 */
export function beginningOf(text: string): number | Date {
  if (/^\d+[a-z]$/.test(text)) return checked(text, () => parseDuration(text, { min: '1s', max: '3650d' }))
  const day = new Date(text.slice(0, 10))
  const isDate =
    DATE_TIME.test(text) && !Number.isNaN(Date.parse(text)) && day.toISOString().startsWith(text.slice(0, 10))
  if (!isDate) throw invalid('a length of time such as 2h or 1d, or a date and time such as 2026-01-31T09:30Z', text)
  return new Date(text)
}

/** What a parser of settings makes of an argument. */
export function checked<Value>(text: string, parse: (text: string) => Value): Value {
  try {
    return parse(text)
  } catch (error) {
    throw error instanceof SettingFault ? invalid(error.needed, text) : error
  }
}

const invalid = (needed: string, found: string) =>
  new AdminError('invalid_argument', {
    needed,
    found: JSON.stringify(found.slice(0, 200)),
    remedy: 'correct the argument',
  })
