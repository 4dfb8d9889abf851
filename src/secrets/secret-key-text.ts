/** A secret key of the service with the name that what it makes bears. */
export type SecretKey = {
  readonly id: string
  readonly key: Buffer
  /** From when on MACs made with it are refused, in milliseconds since 1970; undefined for a key that is in use. */
  readonly retiredFrom: number | undefined
  /** The time of a retirement that was a mistake, in milliseconds since 1970: only that one is taken back, and no later one. */
  readonly unretiredFrom: number | undefined
}

const KEY_BYTES = 32 // 256 bits
const ID = /^[A-Za-z0-9]{1,16}$/
// RFC 3339 with an offset: a time without one would mean another moment on another machine.
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/

/**
 * Reads `id:base64 of 32 bytes`, several by commas. One behind the first can be followed by `:retired`,
 * `:retired=<RFC 3339 time>` or `:unretired=<RFC 3339 time>`. No character of it means anything to a shell.
 * @throws Error that says what was needed, without showing the text
 */
export function parseSecretKeys(text: string): [SecretKey, ...SecretKey[]] {
  const keys = text.split(',').map(part => parseKey(part.trim()))
  if (new Set(keys.map(({ id }) => id)).size < keys.length) throw new Error('keys of different ids')
  if (keys[0]!.retiredFrom !== undefined || keys[0]!.unretiredFrom !== undefined)
    throw new Error('a first key that is not retired, or unretired, since the first makes: put another one in front')
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
  return { id, key, ...(option === undefined ? IN_USE : parseOption(id, option)) }
}

const IN_USE = { retiredFrom: undefined, unretiredFrom: undefined }

function parseOption(id: string, option: string): Pick<SecretKey, 'retiredFrom' | 'unretiredFrom'> {
  if (option === 'retired') return { ...IN_USE, retiredFrom: 0 }
  const [, name, time] = /^(retired|unretired)=(.*)$/s.exec(option) ?? []
  const from = time !== undefined && TIME.test(time) ? Date.parse(time) : NaN
  if (Number.isNaN(from))
    throw new Error(
      `nothing behind the key "${id}", or :retired, or :retired= or :unretired= and a time with its offset, ` +
        'such as :retired=2026-12-01T00:00:00Z',
    )
  return name === 'retired' ? { ...IN_USE, retiredFrom: from } : { ...IN_USE, unretiredFrom: from }
}
