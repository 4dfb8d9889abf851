import type { Requirement } from './requirement.ts'

const NO_RESET = 'there is no password reset yet'
const NO_EMAIL_CHANGE = 'an address cannot be changed yet'

/** Sign-up, proof of the mailbox, and links in letters. */
export const SIGN_UP: Requirement[] = [
  {
    id: 'R01',
    priority: 'P0',
    requirement:
      'Signing up, signing in and asking for a letter answer alike in status, headers and body, whatever is known of the address.',
    sources: 'ASVS 6.3.8; OWASP Authentication and Forgot Password cheat sheets',
  },
  {
    id: 'R02',
    priority: 'P0',
    requirement:
      'Those answers take the same work and time for every state of the address, hashing and letters included.',
    sources: 'ASVS 6.3.8; OWASP Forgot Password cheat sheet',
  },
  {
    id: 'R03',
    priority: 'P0',
    requirement: 'Before it is confirmed, an account can neither sign in nor refresh, and no token is issued for it.',
    sources: 'OWASP Email cheat sheet; Sudhodanan and Paverd 2022',
  },
  {
    id: 'R04',
    priority: 'P0',
    requirement:
      'Confirming activates the password of the very sign-up; rival sign-ups of the address can no longer be confirmed from the same moment on.',
    sources: 'Sudhodanan and Paverd 2022 (unexpired session, trojan identifier)',
  },
  {
    id: 'R05',
    priority: 'P0',
    requirement: 'GET, HEAD and OPTIONS on the link of a letter change nothing.',
    sources: 'ASVS 3.5.3; RFC 9110 9.2.1; supabase/auth #368, #1214',
  },
  {
    id: 'R06',
    priority: 'P0',
    requirement: 'Confirming again is harmless, and confirming never signs in.',
    sources: 'OWASP Forgot Password cheat sheet; better-auth GHSA-hc7v-rggr-4hvx',
  },
  {
    id: 'R07',
    priority: 'P1',
    requirement: 'From a browser that did not sign up, confirming takes the password or the ticket of the sign-up.',
    sources: 'Sudhodanan and Paverd 2022',
  },
  {
    id: 'R08',
    priority: 'P0',
    requirement: 'Tokens in links have 128 bits or more, and nothing that is stored yields them.',
    sources: 'ASVS 6.5.2, 7.2.3, 11.5.1; SP 800-63B 3.1.2.2',
  },
  {
    id: 'R09',
    priority: 'P0',
    requirement: 'A token serves its one purpose, account and address, and only once.',
    sources: 'ASVS 6.5.1, 6.6.2; OWASP Forgot Password cheat sheet; next-auth GHSA-4rxr-27mm-mxq9',
  },
  {
    id: 'R10',
    priority: 'P0',
    requirement:
      'A confirmation link is good for at most 24 hours, judged at its use and by the clock of the database.',
    sources: 'SP 800-63B 4.2.1.2; ASVS 6.4.1, 6.5.5',
  },
  {
    id: 'R11',
    priority: 'P1',
    requirement: 'A new reset link ends the older ones.',
    sources: 'OWASP Forgot Password cheat sheet',
    notYet: NO_RESET,
  },
  {
    id: 'R12',
    priority: 'P0',
    requirement: 'Links are built from the configured public address alone, whatever Host or forwarding headers say.',
    sources: 'OWASP Forgot Password cheat sheet; ASVS 4.1.3; Zitadel GHSA-2wmj-46rj-qm2w',
  },
  {
    id: 'R13',
    priority: 'P0',
    requirement: 'No request can choose where a page or an answer leads on to.',
    sources: 'ASVS 1.2.2, 3.7.2; RFC 9700 4.11; better-auth CVE-2024-56734',
  },
  {
    id: 'R14',
    priority: 'P0',
    requirement: 'Letters to one address are limited without the answer telling, and requests for them by network.',
    sources: 'ASVS 2.4.1, 6.3.1; OWASP Forgot Password cheat sheet',
  },
  {
    id: 'R15',
    priority: 'P0',
    requirement:
      'An address is canonicalised first and validated strictly after; what is accepted is the one recipient.',
    sources: 'ASVS 1.1.1, 1.3.11, 2.2.1; RFC 5321 4.5.3.1; next-auth GHSA-7rqj-j65f-68wh, nodemailer CVE-2025-13033',
  },
  {
    id: 'R16',
    priority: 'P0',
    requirement: 'One canonical form serves everywhere, and one confirmed account at the most bears an address.',
    sources: 'OWASP Email cheat sheet; ASVS 1.5.3; Keycloak CVE-2024-1722',
  },
  {
    id: 'R17',
    priority: 'P1',
    requirement: 'Dots and plus tags of an address stay: no rules of single providers.',
    sources: 'OWASP Email cheat sheet',
  },
  {
    id: 'R18',
    priority: 'P1',
    requirement: 'Changing the address takes a fresh sign-in and proof of the new mailbox, and tells the old one.',
    sources: 'ASVS 6.3.7, 7.5.1; Sudhodanan and Paverd 2022',
    notYet: NO_EMAIL_CHANGE,
  },
  {
    id: 'R19',
    priority: 'P1',
    requirement: 'The person is told by letter when password, address or a factor change.',
    sources: 'ASVS 6.3.7; SP 800-63B 4.2.3, 4.6',
    notYet: 'none of these can be changed yet',
  },
  {
    id: 'R20',
    priority: 'P1',
    requirement: 'Letters go over verified TLS, and never fall back to less in silence.',
    sources: 'ASVS 12.3.1, 12.3.2; RFC 8314',
  },
  {
    id: 'R21',
    priority: 'P1',
    requirement: 'Nothing that a stranger wrote reaches the headers or the markup of a letter.',
    sources: 'ASVS 1.2.1, 1.3.7; Directus GHSA-4hmq-ggrm-qfc6',
  },
  {
    id: 'R22',
    priority: 'P2',
    requirement: 'Letters keep one Message-ID each and are marked as generated; the mail server signs them.',
    sources: 'RFC 3834; rules of large mail providers',
  },
  {
    id: 'R23',
    priority: 'P2',
    requirement: 'Sign-ups that nobody confirmed are deleted after some days.',
    sources: 'ASVS 14.2.7',
  },
]
