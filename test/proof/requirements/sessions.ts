import type { Requirement } from './requirement.ts'

/** Refresh tokens, sessions, and cookies. */
export const SESSIONS: Requirement[] = [
  {
    id: 'R41',
    priority: 'P0',
    requirement:
      'Refresh tokens have 128 bits or more, nothing stored yields them, and forged ones never reach the database.',
    sources: 'ASVS 7.2.3; RFC 6749 10.10',
  },
  {
    id: 'R42',
    priority: 'P0',
    requirement: 'A refresh token has one successor, however many present it at once.',
    sources: 'RFC 9700 2.2.2, 4.14.2; ASVS 10.4.5, 15.4.2; better-auth CVE-2026-53517, Keycloak CVE-2026-1035',
  },
  {
    id: 'R43',
    priority: 'P0',
    requirement: 'A refresh token that somebody else went past ends the session, and the answer says so.',
    sources: 'RFC 9700 4.14.2; ASVS 10.4.5',
  },
  {
    id: 'R44',
    priority: 'P0',
    requirement: 'A lost answer signs nobody out: the token that was sent can be sent again.',
    sources: 'FAPI 2.0 Security Profile',
  },
  {
    id: 'R45',
    priority: 'P0',
    requirement: 'A session ends when it is not used, and after some time in any case.',
    sources: 'ASVS 7.3.1, 7.3.2, 10.4.8; SP 800-63B 5.2; RFC 9700 4.14.2',
  },
  {
    id: 'R46',
    priority: 'P0',
    requirement: 'Revocation ends the session of any token of it, and answers 200 to unknown ones too.',
    sources: 'RFC 7009 2.1, 2.2; ASVS 7.4.1; Directus GHSA-g65h-35f3-x2w3',
  },
  {
    id: 'R47',
    priority: 'P0',
    requirement: 'Nothing is refreshed or read for an account that was disabled, from that moment on.',
    sources: 'ASVS 7.4.2; Zitadel CVE-2023-22492; authentik CVE-2025-53942',
  },
  {
    id: 'R48',
    priority: 'P0',
    requirement:
      'A refresh judges anew what a sign-in judges: the state of the account and of the session, and the client.',
    sources: 'ASVS 8.3.2; rauthy 0.32.4',
  },
  {
    id: 'R49',
    priority: 'P1',
    requirement: 'A refresh token serves its own client only, and another one does not end the session by trying.',
    sources: 'RFC 6749 6; RFC 9700 4.14.2; better-auth CVE-2026-53512',
  },
  {
    id: 'R50',
    priority: 'P1',
    requirement: 'People see and end their sessions.',
    sources: 'ASVS 7.4.5, 7.5.2',
    notYet: 'a person can end the own session only; sessions are not listed yet',
  },
  {
    id: 'R51',
    priority: 'P1',
    requirement: 'Each sign-in makes a session of a new id, and no id that a client brings is taken over.',
    sources: 'ASVS 7.2.4',
  },
  {
    id: 'R52',
    priority: 'P1',
    requirement: 'Cookies are `__Host-`, Secure, HttpOnly and SameSite.',
    sources: 'ASVS 3.3.1 to 3.3.4; SP 800-63B 5.1.1',
  },
  {
    id: 'R53',
    priority: 'P0',
    requirement: 'No other site can post to the pages, or to the interface with the cookies of the pages.',
    sources: 'ASVS 3.5.1 to 3.5.3; SP 800-63B 5.1',
  },
  {
    id: 'R54',
    priority: 'P0',
    requirement: 'Origins that may call from a browser stand in a list; none is echoed, and none gets credentials.',
    sources: 'ASVS 3.4.2',
  },
  {
    id: 'R55',
    priority: 'P2',
    requirement: 'Tokens can be bound to a key of the client.',
    sources: 'ASVS 10.3.5, 10.4.14; RFC 9449',
    notYet: 'tokens are bearer tokens; DPoP is not there yet',
  },
]
