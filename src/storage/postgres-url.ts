import { isLoopback } from '../settings.ts'

const HOST_IN_QUERY = 'host' // as libpq and pg have it; a path is the directory of a Unix socket

/**
 * Reads a PostgreSQL connection URL and settles TLS: off loopback it is required, with a certificate that is verified, unless
 * `sslmode` says otherwise.
 *
 * pg reads `prefer`, `require`, `verify-ca` and `verify-full` alike: TLS or nothing, with certificate and host name verified.
 * `sslrootcert` names a file with the authority; `no-verify` encrypts without knowing with whom; `disable` does not encrypt.
 * @throws Error that says what was needed; never a part of the text, which holds a password
 */
export function parsePostgresUrl(text: string): string {
  const url = URL.parse(text)
  if (!url || !/^postgres(ql)?:$/.test(url.protocol))
    throw new Error('a PostgreSQL address, such as postgresql://user:password@host:5432/database')
  if (!isEscaped(url.hostname)) throw new Error('an address whose host has no % but in escapes such as %2F')
  const mode = url.searchParams.get('sslmode')
  if (mode !== null && !MODES.includes(mode)) throw new Error(`an address whose sslmode is one of ${MODES.join(', ')}`)
  if (mode !== null && (url.searchParams.has('uselibpqcompat') || !VERIFIED.includes(mode))) return text
  if (mode !== null) return withMode(url, 'verify-full') // which is what pg means by them, with a warning
  if (isOnThisMachine(url)) return text
  if (url.searchParams.has('ssl')) throw new Error('an address with sslmode instead of ssl')
  return withMode(url, 'verify-full')
}

const VERIFIED = ['prefer', 'require', 'verify-ca', 'verify-full']
const MODES = ['disable', 'no-verify', ...VERIFIED]

function withMode(url: URL, mode: string): string {
  url.searchParams.set('sslmode', mode)
  return url.href
}

function isOnThisMachine(url: URL): boolean {
  const host = url.searchParams.get(HOST_IN_QUERY) ?? decodeURIComponent(url.hostname)
  return host === '' || host.startsWith('/') || isLoopback(host)
}

function isEscaped(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
