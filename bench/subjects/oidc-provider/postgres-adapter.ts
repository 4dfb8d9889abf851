import type { AdapterFactory, AdapterPayload } from 'oidc-provider'
import type pg from 'pg'

/** Their names make PostgreSQL plan each once a connection. */
const STATEMENTS = {
  upsert: `
    insert into oidc_model (model, id, payload, grant_id, user_code, uid, expires_at)
    values ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))
    on conflict (model, id) do update
    set payload = excluded.payload, grant_id = excluded.grant_id, user_code = excluded.user_code, uid = excluded.uid,
      expires_at = excluded.expires_at`,
  find: 'select payload, consumed_at from oidc_model where model = $1 and id = $2',
  findByUserCode: 'select payload, consumed_at from oidc_model where model = $1 and user_code = $2',
  findByUid: 'select payload, consumed_at from oidc_model where model = $1 and uid = $2',
  consume: 'update oidc_model set consumed_at = now() where model = $1 and id = $2',
  destroy: 'delete from oidc_model where model = $1 and id = $2',
  revokeByGrantId: 'delete from oidc_model where model = $1 and grant_id = $2',
} as const

/**
 * The storage that oidc-provider leaves to its users, in one table as its contributed adapters have it: the operations
 * and what they answer are those of its `example/my_adapter.js`. It compares the expiry of what it finds itself.
 */
export function postgresAdapter(pool: pg.Pool): AdapterFactory {
  const run = (name: keyof typeof STATEMENTS, values: unknown[]) => pool.query({ name, text: STATEMENTS[name], values })
  const find = async (name: 'find' | 'findByUserCode' | 'findByUid', values: string[]) => {
    const { rows } = await run(name, values)
    return rows[0] && asPayload(rows[0])
  }
  return model => ({
    async upsert(id, payload, expiresIn) {
      const { grantId, userCode, uid } = payload
      await run('upsert', [model, id, payload, grantId, userCode, uid, expiresIn])
    },
    find: id => find('find', [model, id]),
    findByUserCode: userCode => find('findByUserCode', [model, userCode]),
    findByUid: uid => find('findByUid', [model, uid]),
    async consume(id) {
      await run('consume', [model, id])
    },
    async destroy(id) {
      await run('destroy', [model, id])
    },
    async revokeByGrantId(grantId) {
      await run('revokeByGrantId', [model, grantId])
    },
  })
}

type Row = { payload: AdapterPayload; consumed_at: Date | null }

function asPayload({ payload, consumed_at }: Row): AdapterPayload {
  return consumed_at ? { ...payload, consumed: true } : payload
}
