import type { Alteration } from '../support/altered-source.ts'

/** Rotation that reads, judges, and then writes: the class of better-auth GHSA-392p-2q2v-4372 and Keycloak #45647. */
export const readThenWriteRotation: Alteration[] = [
  {
    file: 'sessions/sessions.ts',
    find: 'this.#batches = new RotationBatches(presented =>\n      rotate(refreshDatabase, presented, { ...settings, retiredKeys: keys.retired }),\n    )',
    replace:
      'this.#batches = { rotate: async token => (await rotate(options.database, [token], { ...settings, retiredKeys: [] }))[0] } as RotationBatches',
  },
  {
    file: 'sessions/rotate.ts',
    find: '  const ids = presented.map(({ sessionId }) => sessionId)',
    replace: `
  const [{ sessionId, generation: shown }] = presented
  const found = await sql\`select account_id as "accountId", created_at as "authenticatedAt", amr, generation, token_key as "tokenKey",
      end_reason from session where id = \${sessionId}\`.execute(db)
  const session = found.rows[0]
  if (!session) return []
  if (session.end_reason) return [{ ...session, sessionId, verdict: session.end_reason }]
  if (session.generation !== shown) {
    await sql\`update session set ended_at = auth_now(), end_reason = 'reused' where id = \${sessionId}\`.execute(db)
    return [{ ...session, sessionId, verdict: 'reused' }]
  }
  const changed = await sql\`update session set generation = generation + 1 where id = \${sessionId}
    returning generation\`.execute(db)
  return [{ ...session, sessionId, verdict: 'current', generation: changed.rows[0].generation }]
  const ids = presented.map(({ sessionId }) => sessionId)`,
  },
]

/** A spent token is always answered with the current one, so that no theft is ever noticed. */
export const forgivingRotation: Alteration[] = [
  { file: 'sessions/rotate.ts', find: "          else 'reused'\n", replace: "          else 'repeated'\n" },
]

/** The page that the link opens confirms at once: the fault that scanners of mail servers meet. */
export const confirmingByGet: Alteration[] = [
  {
    file: 'pages/confirm.ts',
    find: '    if (account.confirmedAt) return reply.send(confirmedView(account.email, needs.appUrl))',
    replace: `
    const { activateAccount } = await import('../accounts/account-store.ts')
    if (!account.confirmedAt) await activateAccount(needs.database, account.id)
    return reply.send(confirmedView(account.email, needs.appUrl))`,
  },
]

/** A sign-up that says that the address has an account. */
export const tellingSignUp: Alteration[] = [
  {
    file: 'accounts/create-account.ts',
    find: '  const countedBy = ',
    replace: `
  const { findConfirmedAccount } = await import('./account-store.ts')
  if (await findConfirmedAccount(needs.database, email)) throw invalidRequest(fieldFault('/email', 'email_invalid'))
  const countedBy = `,
  },
]

/** A sign-in that answers to an unknown address otherwise than to a wrong password. */
export const tellingSignIn: Alteration[] = [
  {
    file: 'accounts/authenticate.ts',
    find: "  if (!account || !matches) throw await fail('invalid_credentials')",
    replace: `
  if (!account) throw new AccountRefusal('account_disabled')
  if (!matches) throw new AccountRefusal('invalid_credentials')`,
  },
]

const LIMIT_STORE = 'confirmation/letters/letter-limit-store.ts'
const LETTER_STORE = 'confirmation/letters/letter-store.ts'

/** A ticket whose email is held shows it as queued, which tells that others signed up with the address. */
export const showingHeldEmails: Alteration[] = [
  {
    file: LETTER_STORE,
    find: 'const isShownAsHeld = sql`(shown_sent_at is not null or shown_failed_at is not null)`',
    replace: 'const isShownAsHeld = sql`false`',
  },
]

/** An email by address takes a place of the sign-ups, which it does only where there is an account. */
export const sharingPlacesWithRequests: Alteration[] = [
  ...showingHeldEmails,
  { file: LIMIT_STORE, find: 'and not by_address and not extra', replace: 'and not extra' },
]

/** No place beyond the regular ones: whoever comes after many others waits for days. */
export const withoutExtraPlaces: Alteration[] = [
  { file: LIMIT_STORE, find: 'where sign_up and had = 0', replace: 'where false and had = 0' },
]

/** `/readyz` tells strangers how emails fare, which while the mail server is down tells for whom there was one. */
export const tellingHowEmailsFare: Alteration[] = [
  { file: 'operation/health.ts', find: 'await readiness.status()', replace: 'await readiness.report()' },
  { file: 'operation/health.ts', find: '200: ReadyAnswer, 503: ReadyAnswer', replace: '' }, // it would leave mail out
]

/** The extra place goes to the oldest sign-up instead of the newest: there is always one of the strangers before. */
export const extraPlaceForTheOldest: Alteration[] = [
  {
    file: LIMIT_STORE,
    find: 'order by signed_up_at desc, id desc limit 1',
    replace: 'order by signed_up_at, id limit 1',
  },
]

/** An extra place each minute. */
export const extraPlacesWithoutEnd: Alteration[] = [
  { file: LIMIT_STORE, find: 'const EXTRA_EVERY = 3_600', replace: 'const EXTRA_EVERY = 60' },
]

/** The same without the extra place of each hour, of which who gets it depends on which of two messages is handled first. */
export const requestsThatSpendPlaces: Alteration[] = [...sharingPlacesWithRequests, ...withoutExtraPlaces]

/** A sign-in that guesses have blocked asks for no device link: the owner is kept out for as long as they go on. */
export const withoutDeviceLinks: Alteration[] = [
  {
    file: 'accounts/authenticate.ts',
    find: 'if (error instanceof LimitRefusal) await requestDeviceLink',
    replace: 'if (false as boolean) await requestDeviceLink',
  },
]

/** Failed guesses that count only where there is an account, so that no other address is ever blocked. */
export const guessesThatOnlyAccountsCount: Alteration[] = [
  {
    file: 'accounts/authenticate.ts',
    find: "  if (!account || !matches) throw await fail('invalid_credentials')",
    replace: `
  if (!account) await attempt.succeeded()
  if (!account || !matches) throw await fail('invalid_credentials')`,
  },
]
