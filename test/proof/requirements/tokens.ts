import type { Requirement } from './requirement.ts'

/** Access tokens, keys, and what OAuth asks for. */
export const TOKENS: Requirement[] = [
  {
    id: 'R56',
    priority: 'P0',
    requirement: 'Only the configured asymmetric algorithms are accepted, each with its own keys.',
    sources: 'ASVS 9.1.2; RFC 8725 3.1, 3.2; jsonwebtoken CVE-2022-23540',
  },
  {
    id: 'R57',
    priority: 'P0',
    requirement: 'Access tokens are `at+jwt` with all claims of RFC 9068, and their subject never means somebody else.',
    sources: 'RFC 9068 2.1, 2.2; ASVS 9.2.3, 10.3.3',
  },
  {
    id: 'R58',
    priority: 'P0',
    requirement: 'An access token is good for ten minutes at the most, and refused when its time is over.',
    sources: 'ASVS 9.2.1',
  },
  {
    id: 'R59',
    priority: 'P0',
    requirement:
      'Whatever is wrong with an access token, be it algorithm, keys it brings, type, issuer or a bit, it is refused.',
    sources: 'ASVS 9.1.1 to 9.2.4; RFC 8725 3.5 to 3.12; fast-jwt CVE-2023-48223, Strapi CVE-2023-22893',
  },
  {
    id: 'R60',
    priority: 'P0',
    requirement: 'No kind of token is taken for another.',
    sources: 'ASVS 9.2.2; RFC 8725 3.12',
  },
  {
    id: 'R61',
    priority: 'P0',
    requirement: 'An access token tells nothing personal.',
    sources: 'ASVS 14.1.1; RFC 9068 6',
  },
  {
    id: 'R62',
    priority: 'P0',
    requirement:
      'Keys are made for each installation and lie sealed in the database; with a wrong secret key it does not start.',
    sources: 'ASVS 11.1.1, 13.2.3, 13.3.1; Ory Keto CVE-2026-33505',
  },
  {
    id: 'R63',
    priority: 'P0',
    requirement:
      'A signing key is published before it signs and stays as long as what it signed; a leaked one can go at once.',
    sources: 'ASVS 11.1.1, 11.2.2',
  },
  {
    id: 'R64',
    priority: 'P0',
    requirement: 'The published key set has public members only, and the key of every token that is good.',
    sources: 'RFC 7517',
  },
  {
    id: 'R65',
    priority: 'P1',
    requirement: 'Introspection is for clients alone, and tells of anything else only that it is not active.',
    sources: 'RFC 7662 2.1, 2.2, 4; Keycloak CVE-2026-8922',
    notYet: 'there is no introspection endpoint yet',
  },
  {
    id: 'R66',
    priority: 'P1',
    requirement: 'The metadata lie at the well-known place, name the exact issuer, and only what is supported.',
    sources: 'RFC 8414 2, 3.1, 3.3',
  },
  {
    id: 'R67',
    priority: 'P0',
    requirement: 'The token endpoint takes no passwords, and no other grant that was given up.',
    sources: 'RFC 9700 2.1.2, 2.4; ASVS 10.4.4',
  },
  {
    id: 'R68',
    priority: 'P2',
    requirement: 'Authorization codes: exact redirects, PKCE, used once, and quickly.',
    sources: 'ASVS 10.4.1 to 10.4.6; RFC 9700 2.1, 4.1.3, 4.8',
    notYet: 'there is no authorization endpoint yet',
  },
  {
    id: 'R69',
    priority: 'P2',
    requirement: 'Each one-time code of a second factor is good once.',
    sources: 'ASVS 6.5.1 to 6.5.8; SP 800-63B 3.1.4, 4.2.1.1',
    notYet: 'there is no second factor yet',
  },
  {
    id: 'R70',
    priority: 'P2',
    requirement: 'Passkeys: challenges are used once, and origin, user verification and counter are checked.',
    sources: 'ASVS 6.7.2; WebAuthn 7.2',
    notYet: 'there are no passkeys yet',
  },
  {
    id: 'R71',
    priority: 'P2',
    requirement: 'An account of another provider is linked only if both sides have proved the address.',
    sources: 'ASVS 6.8.1, 10.5.2; better-auth CVE-2026-53516, Logto CVE-2026-15611',
    notYet: 'there is no sign-in by other providers yet',
  },
]
