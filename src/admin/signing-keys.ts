import { allSigningKeys } from '../tokens/signing-key-store.ts'
import { operatorOf } from './arguments.ts'
import { type AdminDeps, operation } from './operation.ts'

/** The keys that sign access tokens, the newest first. */
export const keysList = operation({}, async deps => ({ keys: await keysOf(deps) }))

/** Lets the next key sign. Processes that run follow within a minute; the one that performs this, at once. */
export const keysRotate = operation({ now: 'boolean', by: 'string' }, async (deps, { now, by }) => {
  const operator = operatorOf(by)
  const keys = await deps.signingKeys()
  await keys.rotate({ dropCurrent: now, operator })
  return { keys: await keysOf(deps) }
})

async function keysOf({ database }: AdminDeps) {
  const keys = await allSigningKeys(database)
  return keys.map(({ id, algorithm, role, createdAt, signsFrom }) => ({
    id,
    algorithm,
    role,
    created_at: createdAt.toISOString(),
    signs_from: signsFrom?.toISOString() ?? null,
  }))
}
