import type { Requirement } from './requirement.ts'

const NO_CHANGE = 'a password cannot be changed yet'

/** Passwords, and guessing them. */
export const PASSWORDS: Requirement[] = [
  {
    id: 'R24',
    priority: 'P0',
    requirement: 'A password has 8 code points or more; a setting raises that to the 15 which NIST asks for.',
    sources: 'SP 800-63B-4 3.1.1.2; ASVS 6.2.1',
  },
  {
    id: 'R25',
    priority: 'P0',
    requirement: 'At least 64 characters are accepted, too many are refused before they are hashed, none are cut off.',
    sources: 'ASVS 6.2.8, 6.2.9; SP 800-63B 3.1.1.2',
  },
  {
    id: 'R26',
    priority: 'P0',
    requirement: 'There are no rules of composition, and all of Unicode is normalised before it is hashed.',
    sources: 'SP 800-63B 3.1.1.2; ASVS 6.2.5',
  },
  {
    id: 'R27',
    priority: 'P0',
    requirement:
      'Common passwords, the address and the name of the service are refused as whole passwords, with the reason.',
    sources: 'ASVS 6.1.2, 6.2.4, 6.2.11; SP 800-63B 3.1.1.2',
  },
  {
    id: 'R28',
    priority: 'P1',
    requirement: 'Passwords of known breaches are refused, without asking anybody.',
    sources: 'ASVS 6.2.12',
    notYet: 'the block list holds common passwords; a list of breaches is not kept yet',
  },
  {
    id: 'R29',
    priority: 'P0',
    requirement: 'Hashes are argon2id with 19 MiB and two passes or more; what is older is renewed at sign-in.',
    sources: 'ASVS 11.4.2, appendix C; OWASP Password Storage cheat sheet',
  },
  {
    id: 'R30',
    priority: 'P1',
    requirement: 'The database alone is not enough to try passwords: hashes are keyed by a secret that lies outside.',
    sources: 'SP 800-63B 3.1.1.2',
  },
  {
    id: 'R31',
    priority: 'P0',
    requirement: 'Hashing has few lanes and a short queue; what finds no place is told when to come again.',
    sources: 'ASVS 2.4.1, 15.1.3, 15.2.2',
  },
  {
    id: 'R32',
    priority: 'P0',
    requirement: 'Changing the password takes the current one and ends other sessions.',
    sources: 'ASVS 6.2.2, 6.2.3, 7.4.3; Casdoor CVE-2023-34927',
    notYet: NO_CHANGE,
  },
  {
    id: 'R33',
    priority: 'P0',
    requirement: 'A reset never signs in, ends all sessions in the same moment, and locks nobody out.',
    sources: 'OWASP Forgot Password cheat sheet; ASVS 6.4.3; RFC 9700 4.14; NocoDB GHSA-x4vh-j75g-268g',
    notYet: 'there is no password reset yet',
  },
  {
    id: 'R34',
    priority: 'P0',
    requirement: 'Secrets are compared in constant time.',
    sources: 'ASVS 11.2.4',
  },
  {
    id: 'R35',
    priority: 'P1',
    requirement: 'Pages let password managers fill and people paste; there are no hints and no forced changes.',
    sources: 'ASVS 6.2.7, 6.2.10, 6.4.2',
  },
  {
    id: 'R36',
    priority: 'P0',
    requirement:
      'Wrong passwords in a row are held up by a rising delay of up to 15 minutes, in the place of a hard lock after 100; ' +
      'a right one forgives them.',
    sources: 'SP 800-63B-4 3.2.2',
  },
  {
    id: 'R37',
    priority: 'P0',
    requirement:
      'Guessing at an account does not lock out its person: sessions go on, known devices sign in, and no single ' +
      'network blocks another.',
    sources: 'ASVS 6.1.1; OWASP Forgot Password cheat sheet',
  },
  {
    id: 'R38',
    priority: 'P0',
    requirement: 'Guesses are counted before they are verified, so that parallel ones do not pass the limit.',
    sources: 'ASVS 15.4.2; Zitadel GHSA-7h8m-vrxx-vr4m',
  },
  {
    id: 'R39',
    priority: 'P0',
    requirement: 'No unknown field, header or spelling of an address gains a new allowance; networks are IPv6 /64.',
    sources: 'ASVS 4.1.3, 15.3.4; Strapi CVE-2025-64526',
  },
  {
    id: 'R40',
    priority: 'P1',
    requirement:
      'Every way to try a password is limited: pages and interface count together, and so do passwords and tickets in ' +
      'a confirmation.',
    sources: 'ASVS 6.1.3, 6.3.4; Keycloak CVE-2026-9798',
  },
]
