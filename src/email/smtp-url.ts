import { BlockList, isIP } from 'node:net'
import { domainToASCII } from 'node:url'

/** A mail server to hand letters to. */
export type SmtpServer = {
  host: string
  port: number
  /** From the first byte, by a STARTTLS that must succeed, or not at all. */
  tls: 'implicit' | 'starttls' | 'none'
  credentials?: { user: string; pass: string }
}

const PORTS = { 'smtps:': 465, 'smtp:': 587 } // RFC 8314 section 3.3

/**
 * Reads `smtps://user:password@host` or `smtp://user:password@host:587`, user and password percent-encoded.
 *
 * `smtp://` means STARTTLS and accepts nothing less: a server, or somebody in between, that leaves it out gets no letter.
 * Only for a host on loopback, or with `?tls=off`, letters go in the clear.
 *
 * @throws Error that says what was needed; never a part of the text, which holds a password
 */
export function parseSmtpUrl(text: string): SmtpServer {
  const url = URL.parse(text)
  if (!url || !isSmtp(url.protocol)) throw new Error('an address that begins with smtps:// or smtp://')
  const host = hostOf(url)
  if (!host) throw new Error('an address with the host of a mail server, such as smtps://mail.example.com')
  if (!['', '/'].includes(url.pathname) || url.hash) throw new Error('an address that ends after the host and port')
  const plain = isPlain(url)
  if (url.port === '0') throw new Error('a port from 1 to 65535')
  const credentials = credentialsOf(url)
  return {
    host,
    port: url.port ? Number(url.port) : PORTS[url.protocol],
    tls: url.protocol === 'smtps:' ? 'implicit' : plain || isLoopback(host) ? 'none' : 'starttls',
    ...(credentials && { credentials }),
  }
}

function isSmtp(protocol: string): protocol is keyof typeof PORTS {
  return protocol in PORTS
}

function hostOf({ hostname }: URL): string | undefined {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1')
  if (isIP(bare)) return bare
  const host = hostname.includes('%') ? '' : domainToASCII(hostname)
  return /^[a-z0-9_](?:[a-z0-9._-]*[a-z0-9])?$/.test(host) ? host : undefined
}

function isPlain({ protocol, searchParams }: URL): boolean {
  const parameters = [...searchParams]
  if (parameters.length === 0) return false
  const [[name, value] = []] = parameters
  if (parameters.length > 1 || name !== 'tls' || value !== 'off' || protocol !== 'smtp:')
    throw new Error('an address without parameters; the only one there is, ?tls=off, belongs to smtp://')
  return true
}

function credentialsOf({ username, password }: URL): SmtpServer['credentials'] {
  if (!username && !password) return undefined
  if (!username || !password) throw new Error('an address with both a user and a password, or with neither')
  try {
    return { user: decodeURIComponent(username), pass: decodeURIComponent(password) }
  } catch {
    throw new Error('a user and a password that are percent-encoded: % itself is %25')
  }
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

function isLoopback(host: string): boolean {
  return host === 'localhost' || (isIP(host) > 0 && loopback.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4'))
}
