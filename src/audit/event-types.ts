/**
 * Everything that is recorded, and whether it is a success or a failure. The names are part of the interface: one that
 * was released keeps its meaning. docs/audit.md describes them.
 *
 * A refresh that succeeds is not among them: it leaves no row behind, and the metric `auth_refresh_exchanges_total`
 * counts it.
 */
export const EVENT_TYPES = {
  'account.created': 'success',
  'account.confirmed': 'success',
  'account.disabled': 'success',
  'account.enabled': 'success',
  'account.deleted': 'success',
  'account.unblocked': 'success',
  'account.expired': 'success',
  'confirmation.failed': 'failure',
  'device_link.sent': 'success',
  'device_link.failed': 'failure',
  'device_link.used': 'success',
  'letter.sent': 'success',
  'letter.failed': 'failure',
  'sign_in.succeeded': 'success',
  'sign_in.failed': 'failure',
  'session.revoked': 'success',
  'session.reused': 'failure',
  'session.displaced': 'success',
  'sessions.ended': 'success',
  'signing_key.rotated': 'success',
  'signing_key.dropped': 'success',
} as const satisfies Record<string, 'success' | 'failure'>

export type EventType = keyof typeof EVENT_TYPES
