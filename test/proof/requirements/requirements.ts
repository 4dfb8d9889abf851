import { PASSWORDS } from './passwords.ts'
import type { Requirement } from './requirement.ts'
import { ROBUSTNESS } from './robustness.ts'
import { SESSIONS } from './sessions.ts'
import { SIGN_UP } from './sign-up.ts'
import { TOKENS } from './tokens.ts'

/** All requirements, by what they are about. */
export const REQUIREMENTS: Record<string, Requirement[]> = {
  'Sign-up, proof of the mailbox, links': SIGN_UP,
  'Passwords and guessing': PASSWORDS,
  'Refresh tokens, sessions, cookies': SESSIONS,
  'Access tokens, keys, OAuth': TOKENS,
  'Interface, logs, failures': ROBUSTNESS,
}
