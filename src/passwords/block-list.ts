import { dictionary } from '@zxcvbn-ts/language-common'

const SHORTEST_ALLOWED = 8 // the floor of the minimum length; anything shorter is refused by its length

const commonPasswords = new Set(
  dictionary['passwords-common'].filter(password => password.length >= SHORTEST_ALLOWED).map(foldCase),
)

/**
 * Whether a whole password, whatever its case, is one of the commonest.
 *
 * A part of a password is never compared: NIST SP 800-63B-4 section 3.1.1.2 asks for the entire password. The list is
 * the one of zxcvbn: about 18,000 entries of 8 characters or more, but only 41 of 15 or more, so it adds little to a
 * minimum of 15. It is read when the process starts, where its 30 ms hold up no request.
 *
 * @param password after NFKC
 */
export function isCommonPassword(password: string): boolean {
  return commonPasswords.has(foldCase(password))
}

/**
 * Makes texts that differ only in case equal, for comparing; the result is never shown or stored.
 *
 * JavaScript has no Unicode case folding. Upper case first, then lower, brings together what lower case alone keeps
 * apart (`ß` and `SS`, the two small sigmas).
 */
export function foldCase(text: string): string {
  return text.toUpperCase().toLowerCase()
}
