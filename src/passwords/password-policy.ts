import { foldCase, isCommonPassword } from './block-list.ts'

const MAX_BYTES = 1024 // UTF-8, as it arrived
const MAX_CODE_POINTS = 256 // after NFKC, which makes up to 18 of one
const REPLACEMENT_CHARACTER = '\ufffd'

/** The way in which {@link normalizePassword} works, kept with each hash so that a later way can tell older hashes. */
export const NORMALIZATION_VERSION = 1

declare const normalized: unique symbol

/** A password that went through {@link normalizePassword}. Only such a one can be hashed or verified. */
export type NormalizedPassword = string & { readonly [normalized]: true }

/** Why a password is refused. */
export type PasswordFault = 'password_too_short' | 'password_too_long' | 'password_too_common'

/** What a password is judged by, besides its own text. */
export type PasswordContext = {
  /** The address of the account, whose local part is no password either. */
  email: string
  /** The name by which people know the service. */
  serviceName: string
  /** In code points after NFKC, 8 or more. */
  minLength: number
}

/**
 * Judges a password that somebody wants to set: any characters in any mixture, 8 (by setting) to 256 code points after
 * NFKC, not one of the commonest passwords, not the address, its local part or the service's name in any case
 * (NIST SP 800-63B-4 section 3.1.1.2).
 *
 * @returns the password in the form that is hashed, or the one fault that was found first
 */
export function judgePassword(
  password: string,
  context: PasswordContext,
): { accepted: NormalizedPassword } | { refused: PasswordFault } {
  const accepted = normalizePassword(password)
  if (accepted === undefined) return { refused: 'password_too_long' }
  if (lengthOf(accepted) < context.minLength) return { refused: 'password_too_short' }
  if (isCommonPassword(accepted) || isNameOf(accepted, context)) return { refused: 'password_too_common' }
  return { accepted }
}

/**
 * Brings a password into the form that is hashed, so that every way of typing the same text signs in: NFKC, and U+FFFD
 * for each half of a surrogate pair, as browsers send it from a form. Nothing is trimmed or cut.
 *
 * @returns undefined when it is over 1,024 bytes of UTF-8 as it came, or over 256 code points after NFKC. No account
 * has such a password, so a sign-in can be refused without hashing: the answer's speed tells about the request alone.
 */
export function normalizePassword(password: string): NormalizedPassword | undefined {
  if (Buffer.byteLength(password) > MAX_BYTES) return undefined
  const form = password.toWellFormed().normalize('NFKC')
  return [...form].length > MAX_CODE_POINTS ? undefined : (form as NormalizedPassword)
}

// U+FFFD stands for a character that was lost on the way. All lost characters are equal, so they make nothing longer:
// else eight accents sent in a wrong encoding would be a password that any other eight open.
function lengthOf(password: NormalizedPassword): number {
  return [...password].filter(character => character !== REPLACEMENT_CHARACTER).length
}

function isNameOf(password: NormalizedPassword, { email, serviceName }: PasswordContext): boolean {
  const localPart = email.slice(0, email.lastIndexOf('@'))
  return [email, localPart, serviceName].some(name => foldCase(name.normalize('NFKC')) === foldCase(password))
}
