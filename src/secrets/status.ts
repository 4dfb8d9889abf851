import type { Queryable } from '../storage/database.ts'
import type { KeyRing } from './key-ring.ts'
import type { SecretKeyUse } from './secret-key-check.ts'
import { type KnownSecretKey, knownSecretKeys, settingOf } from './secret-key-store.ts'

/**
 * The part that a secret key has: `makes` and verifies, only `accepts`, is `retired` so that its MACs are refused, or is
 * `missing` in this configuration, while the database knows it.
 */
export type SecretKeyRole = 'makes' | 'accepts' | 'retired' | 'missing'

export type SecretKeyStatus = {
  id: string
  role: SecretKeyRole
  /** When a process was first started with it. */
  firstSeenAt: Date
  /** When a process last made with it, to the minute; null while it has only been accepted, and once a retirement was taken back. */
  lastMadeAt: Date | null
  /** From when what was made with it is refused; null unless that was declared. */
  retiredAt: Date | null
  /** What still needs it, with how many rows; nothing that it could not be left out for. */
  neededBy: { what: string; rows: number }[]
  /** What to do next, in words. */
  next: string
}

/** What each secret key is still needed for, the keys of the configuration first. */
export async function secretKeyStatus(
  db: Queryable,
  keys: KeyRing,
  uses: readonly SecretKeyUse[],
): Promise<SecretKeyStatus[]> {
  const known = await knownSecretKeys(db)
  const inOrder = known.toSorted((one, other) => rank(keys, one) - rank(keys, other))
  const statuses: SecretKeyStatus[] = []
  for (const key of inOrder) {
    const role = roleOf(keys, key)
    const neededBy: SecretKeyStatus['neededBy'] = []
    for (const { what, count, endsWithKey } of uses) {
      const rows = endsWithKey && key.isRetired ? 0 : await count(db, key.id)
      if (rows > 0) neededBy.push({ what, rows })
    }
    if (role === 'missing' && key.isRetired && neededBy.length === 0) continue // left out, and kept so that it stays retired
    const { id, seenAt, madeAt, retiredAt } = key
    const next = nextStep(keys, key, role, neededBy)
    statuses.push({ id, role, firstSeenAt: seenAt, lastMadeAt: madeAt, retiredAt, neededBy, next })
  }
  return statuses
}

const rank = (keys: KeyRing, { id }: KnownSecretKey): number =>
  keys.ids.includes(id) ? keys.ids.indexOf(id) : keys.ids.length

function roleOf(keys: KeyRing, { id }: KnownSecretKey): SecretKeyRole {
  if (!keys.ids.includes(id)) return 'missing'
  if (id === keys.ids[0]) return 'makes'
  return keys.accepts(id) ? 'accepts' : 'retired'
}

function nextStep(
  keys: KeyRing,
  key: KnownSecretKey,
  role: SecretKeyRole,
  neededBy: SecretKeyStatus['neededBy'],
): string {
  const { id, madeAt, isMaking, retiredAt } = key
  const setting = settingOf(inSettings(keys, key))
  if (role === 'makes') return 'keep it; to replace it, put a new key behind it first'
  if (role === 'missing') return 'add it behind the first key wherever it is missing'
  if (madeAt === null && role === 'accepts' && neededBy.length === 0)
    return `if it is new, put it in front once every process is started with it, AUTH_SECRET_KEY=${id}:…,${keys.ids[0]}:…; if it was taken back from a retirement, leave it out`
  if (isMaking)
    return `a process has made with it within three minutes: start each with AUTH_SECRET_KEY=${keys.ids[0]}:…,${setting}`
  if (neededBy.length === 0) return 'leave it out, and keep it for backups that were made with it'
  if (neededBy.some(({ what }) => what !== 'sessions'))
    return 'start a process anew, which seals all with the first key'
  if (retiredAt) return `leave it out after ${retiredAt.toISOString()}`
  return `wait until no session needs it, or end them: ${id}:…:retired, or :retired=<time>`
}

/** The key as the settings have it where they retire it: the database may not know of that yet. */
function inSettings(keys: KeyRing, key: KnownSecretKey): KnownSecretKey {
  const from = keys.ids.includes(key.id) ? keys.retiredFrom(key.id) : undefined
  return from === undefined ? key : { ...key, retiredAt: new Date(from), isRetired: !keys.accepts(key.id) }
}
