import { validate as isUuid } from 'uuid'

/**
 * A kind of message: its name, which is its queue's, and the ids that it holds. Never anything secret, nor anything
 * else: whoever consumes it reads the truth from the database.
 */
export type MessageKind<Id extends string = string> = {
  readonly name: string
  readonly version: number
  /** Names of its ids, each a UUID. */
  readonly ids: readonly Id[]
}

export function isOfKind<Id extends string>(
  data: unknown,
  { version, ids }: MessageKind<Id>,
): data is Record<Id, string> {
  if (typeof data !== 'object' || data === null || !('version' in data) || data.version !== version) return false
  const { version: _, ...rest } = data as Record<string, unknown>
  return Object.keys(rest).length === ids.length && ids.every(id => isUuid(rest[id]))
}

export function isOfLaterVersion(data: unknown, known: number): boolean {
  if (typeof data !== 'object' || data === null || !('version' in data)) return false
  return Number.isInteger(data.version) && (data.version as number) > known
}
