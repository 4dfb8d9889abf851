import type { Requirement } from './requirement.ts'

/** The interface, transport, logs, and what happens when something fails. */
export const ROBUSTNESS: Requirement[] = [
  {
    id: 'R72',
    priority: 'P0',
    requirement:
      'Every error is a problem document (or an OAuth error) with a stable code, and tells nothing of the inside.',
    sources: 'RFC 9457 3, 5; RFC 6749 5.2; ASVS 16.5.1',
  },
  {
    id: 'R73',
    priority: 'P0',
    requirement: 'Input is refused unless type, fields and size are as documented; nothing that is sent makes a 5xx.',
    sources: 'ASVS 2.2.1, 15.3.5 to 15.3.7; parse-server CVE-2026-30941',
  },
  {
    id: 'R74',
    priority: 'P0',
    requirement: 'No request can set what is not its own to set, such as status, id or times.',
    sources: 'ASVS 8.2.3, 15.3.3; parse-server CVE-2026-32742',
  },
  {
    id: 'R75',
    priority: 'P0',
    requirement:
      'Answers with secrets are not stored by caches; pages cannot be framed, and load and tell nothing elsewhere.',
    sources: 'ASVS 3.4.1 to 3.4.6, 14.3.2; RFC 9700 4.2',
  },
  {
    id: 'R76',
    priority: 'P0',
    requirement:
      'No secret is in an address, the link of a letter apart; its page removes it and the log leaves it out.',
    sources: 'ASVS 14.2.1, 16.2.5',
  },
  {
    id: 'R77',
    priority: 'P0',
    requirement: 'Slow and idle connections are closed, and do not slow others down.',
    sources: 'ASVS 13.1.2, 13.1.3, 13.2.6',
  },
  {
    id: 'R78',
    priority: 'P0',
    requirement: 'SQL takes what was sent as parameters only.',
    sources: 'ASVS 1.2.4; Ory GO-2026-4801',
  },
  {
    id: 'R79',
    priority: 'P1',
    requirement: 'Calls to addresses that others chose reach nothing inside the network.',
    sources: 'ASVS 1.3.6, 13.2.4, 15.3.2; Keycloak CVE-2026-1180',
    notYet: 'the service calls nobody: there are no webhooks yet',
  },
  {
    id: 'R80',
    priority: 'P0',
    requirement: 'Metrics have a listener of their own, and the public port shows nothing of the operation.',
    sources: 'ASVS 13.4.2, 13.4.5, 15.2.3',
  },
  {
    id: 'R81',
    priority: 'P0',
    requirement: 'A fresh installation has no account and no key that somebody else could know.',
    sources: 'ASVS 6.3.2, 13.2.2, 13.2.3; SuperTokens CVE-2026-123800',
  },
  {
    id: 'R82',
    priority: 'P0',
    requirement: 'What concerns authentication is logged: who, what, when, from where, and how it went.',
    sources: 'ASVS 16.2.1, 16.2.2, 16.3.1',
  },
  {
    id: 'R83',
    priority: 'P0',
    requirement: 'No secret is in logs, errors or messages of the queue, nor a letter’s token in any answer.',
    sources: 'ASVS 16.2.5; Directus CVE-2023-28443, Zitadel CVE-2026-105211',
  },
  {
    id: 'R84',
    priority: 'P1',
    requirement: 'Logs do not show addresses, and nothing that is sent makes lines of its own in them.',
    sources: 'ASVS 16.4.1; OWASP Email cheat sheet',
  },
  {
    id: 'R85',
    priority: 'P0',
    requirement: 'A fault that nobody expected is logged and answered, and the service goes on or ends in order.',
    sources: 'ASVS 16.5.4',
  },
  {
    id: 'R86',
    priority: 'P0',
    requirement: 'When the database or the limits fail, requests are refused, not let through.',
    sources: 'ASVS 16.5.2, 16.5.3; next-auth GHSA-8fpg-xm3f-6cx3, authentik CVE-2024-47070',
  },
  {
    id: 'R87',
    priority: 'P1',
    requirement: 'Dependencies are few, locked, and each has one home.',
    sources: 'ASVS 15.1.1, 15.1.2, 15.2.1',
  },
  {
    id: 'R88',
    priority: 'P0',
    requirement:
      'An account and its message commit together; messages hold ids only, and one that cannot be read does no harm.',
    sources: 'ASVS 2.3.3; Ory Kratos #3175, #2532',
  },
  {
    id: 'R89',
    priority: 'P0',
    requirement: 'What may be used once is used once, also when many try at the same moment.',
    sources: 'ASVS 2.3.4, 15.4.2; parse-server GHSA-r3xq-68wh-gwvh, MISP CVE-2026-107276',
  },
  {
    id: 'R90',
    priority: 'P0',
    requirement: 'No tenant reaches what belongs to another.',
    sources: 'ASVS 8.4.1',
    notYet: 'an installation has one tenant',
  },
]
