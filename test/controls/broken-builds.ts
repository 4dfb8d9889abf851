import type { Alteration } from '../support/altered-source.ts'

/** Rotation that reads, judges, and then writes: the class of better-auth GHSA-392p-2q2v-4372 and Keycloak #45647. */
export const readThenWriteRotation: Alteration[] = [
  {
    file: 'sessions/sessions.ts',
    find: 'this.#batches = new RotationBatches(presented => rotate(database, presented, settings))',
    replace:
      'this.#batches = { rotate: async token => (await rotate(database, [token], settings))[0] } as RotationBatches',
  },
  {
    file: 'sessions/rotate.ts',
    find: '  const ids = presented.map(({ sessionId }) => sessionId)',
    replace: `
  const [{ sessionId, generation: shown }] = presented
  const found = await sql\`select account_id as "accountId", created_at as "authenticatedAt", amr, generation, end_reason
    from session where id = \${sessionId}\`.execute(db)
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

/** A rotation in one statement, but without the lock that makes another process wait for it. */
export const rotationWithoutLock: Alteration[] = [
  { file: 'sessions/rotate.ts', find: '      for update of session\n', replace: '' },
]
