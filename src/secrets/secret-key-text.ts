/** A secret key of the service with the name that what it makes bears. */
export type SecretKey = {
  readonly id: string
  readonly key: Buffer
  /** From when on MACs made with it are refused, in milliseconds since 1970; undefined for a key that is in use. */
  readonly retiredFrom: number | undefined
}

const KEY_BYTES = 32 // 256 bits
const ID = /^[A-Za-z0-9]{1,16}$/
// RFC 3339 with an offset: a time without one would mean another moment on another machine.
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/

/**
 * Reads `id:base64 of 32 bytes`, several by commas. One behind the first can be followed by `:retired` or
 * `:retired=<RFC 3339 time>`. No character of it means anything to a shell.
 * @throws Error that says what was needed, without showing the text
 */
export function parseSecretKeys(text: string): [SecretKey, ...SecretKey[]] {
  const keys = text.split(',').map(part => parseKey(part.trim()))
  if (new Set(keys.map(({ id }) => id)).size < keys.length) throw new Error('keys of different ids')
  if (keys[0]!.retiredFrom !== undefined)
    throw new Error('a first key that is not retired, since the first makes: put a new one in front')
  return keys as [SecretKey, ...SecretKey[]]
}

/** A key in the form that {@link parseSecretKeys} reads. */
export const secretKeyText = (id: string, key: Buffer): string => `${id}:${key.toString('base64')}`

function parseKey(text: string): SecretKey {
  const [, id, encoded, option] = /^([^:]+):([^:]*)(?::(.*))?$/s.exec(text) ?? []
  if (id === undefined || encoded === undefined || !ID.test(id))
    throw new Error('id:base64 of 32 bytes, where the id is 1 to 16 letters and digits; several by commas')
  const key = Buffer.from(encoded, 'base64')
  const isBase64 = /^[A-Za-z0-9+/_-]+={0,2}$/.test(encoded)
  if (!isBase64 || key.length !== KEY_BYTES)
    throw new Error(
      `32 bytes in base64 behind "${id}:" (found ${isBase64 ? `${key.length} bytes` : 'something else than base64'}); ` +
        'openssl rand -base64 32 makes them',
    )
  return { id, key, retiredFrom: option === undefined ? undefined : parseRetirement(id, option) }
}

function parseRetirement(id: string, option: string): number {
  if (option === 'retired') return 0
  const time = option.startsWith('retired=') ? option.slice('retired='.length) : ''
  const from = TIME.test(time) ? Date.parse(time) : NaN
  if (Number.isNaN(from))
    throw new Error(
      `nothing behind the key "${id}", or :retired, or :retired= and a time with its offset, ` +
        'such as :retired=2026-12-01T00:00:00Z',
    )
  return from
}
