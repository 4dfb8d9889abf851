import { canonicalEmailAddress } from './address.ts'

/** Who letters come from, as their readers see it. */
export type Sender = { name: string; address: string }

const LONGEST_NAME = 100 // characters

/**
 * Reads a sender such as `Auth service <no-reply@example.com>`, `"Auth, Inc." <no-reply@example.com>` or the address
 * alone, whose domain is the name then. Unlike a recipient, a sender may be at a host of one label, such as localhost.
 *
 * @throws Error that says what was needed
 */
export function parseMailbox(text: string): Sender {
  const [, quoted, plain, bracketed] = /^(?:"([^"\\<>]+)"|([^"\\<>,;:@]*))\s*<([^<>]+)>$/.exec(text.trim()) ?? []
  const address = senderAddress(bracketed ?? text.trim())
  const name = (quoted ?? plain ?? '').trim() || address?.slice(address.indexOf('@') + 1)
  if (!address || !name || name.length > LONGEST_NAME || /\p{Cc}/u.test(text))
    throw new Error('a sender, such as Auth service <no-reply@example.com>')
  return { name, address }
}

function senderAddress(text: string): string | undefined {
  const canonical = canonicalEmailAddress(text)
  if (canonical || !/@(?!\d+$)[^@.]+$/.test(text)) return canonical
  // A single label is judged as the first of two.
  return canonicalEmailAddress(`${text}.example`)?.slice(0, -'.example'.length)
}
