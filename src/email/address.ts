import { domainToASCII } from 'node:url'

declare const brand: unique symbol

/** A canonical address, see {@link canonicalEmailAddress}. Nothing else may be compared, stored or given to SMTP. */
export type EmailAddress = string & { readonly [brand]: 'EmailAddress' }

const LONGEST_INPUT = 1_000 // characters looked at; no address of 254 bytes is written with so many
const LONGEST_LOCAL_PART = 64 // bytes, RFC 5321 section 4.5.3.1.1
const LONGEST_ADDRESS = 254 // bytes, so that `<address>` fits the path of RFC 5321 section 4.5.3.1.3

/** Dot-atom of RFC 5322 section 3.2.3, lower case. */
const LOCAL_PART = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/
/** Before the conversion, which reads a domain as a URL does: `%61` would be an `a`, `[` would open an IP address. */
const DOMAIN_TO_CONVERT = /^[a-z0-9.\u{80}-\u{10ffff}-]+$/u
/** Two labels or more, of letters, digits and inner hyphens; the last is no number, so it is no IP address. */
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * The one form of an address that is stored, compared and mailed to: NFKC, lower case, the domain as A-labels.
 *
 * Made first and validated strictly after, so that what was checked is what is used: two spellings that a mail server
 * could take for one mailbox (`ANN@bücher.example`, a full-width `＠`, the Kelvin sign) become one string here, and one
 * that a mail library could take for two mailboxes, or for another than it seems, is refused: quotes, comments, lists,
 * angle brackets, control characters. Dots and plus tags stay, as providers differ in what they mean.
 *
 * @param input what a person typed, of any length
 * @returns undefined when it is no address that mail can be sent to
 */
export function canonicalEmailAddress(input: string): EmailAddress | undefined {
  if (input.length > LONGEST_INPUT) return undefined
  const parts = input.normalize('NFKC').toLowerCase().split('@')
  const [localPart = '', typedDomain = ''] = parts
  if (parts.length !== 2 || localPart.length > LONGEST_LOCAL_PART || !LOCAL_PART.test(localPart)) return undefined
  if (!DOMAIN_TO_CONVERT.test(typedDomain)) return undefined
  const domain = domainToASCII(typedDomain)
  if (!DOMAIN.test(domain)) return undefined
  const address = `${localPart}@${domain}`
  return address.length <= LONGEST_ADDRESS ? (address as EmailAddress) : undefined
}

/** An address as a log may hold it: `a***@example.com`. */
export function maskedEmailAddress(address: string): string {
  const at = address.lastIndexOf('@')
  return at < 1 ? '***' : `${address[0]}***${address.slice(at)}`
}

/** The last two labels of the domain: whoever registered one has any number of subdomains. Some share one, such as `co.uk`. */
export function organizationalDomain(address: EmailAddress): string {
  return address
    .slice(address.lastIndexOf('@') + 1)
    .split('.')
    .slice(-2)
    .join('.')
}
