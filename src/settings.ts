import { isIP } from 'node:net'

/** What a setting's text means, or what was needed instead. */
export class SettingFault extends Error {
  readonly needed: string
  readonly remedy: string

  /** @param needed what would have been right, as the end of the sentence "Needed: …" */
  constructor(needed: string, remedy = 'correct it, or leave it out for the default') {
    super(needed)
    this.needed = needed
    this.remedy = remedy
  }
}

const UNIT_SECONDS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 }

/**
 * A length of time such as `30s`, `5m`, `24h` or `30d`.
 * @returns seconds
 */
export function parseDuration(text: string, { min, max }: { min: string; max: string }): number {
  const seconds = durationSeconds(text)
  if (seconds === undefined || seconds < durationSeconds(min)! || seconds > durationSeconds(max)!)
    throw new SettingFault(`a length of time from ${min} to ${max}: a whole number and s, m, h or d, such as 30s`)
  return seconds
}

function durationSeconds(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  return count && unit ? Number(count) * UNIT_SECONDS[unit]! : undefined
}

/** A whole number within bounds. */
export function parseInteger(text: string, { min, max }: { min: number; max: number }): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= min && value <= max)) throw new SettingFault(`a whole number from ${min} to ${max}`)
  return value
}

/** One of a few words. */
export function parseChoice<const Choice extends string>(text: string, choices: readonly Choice[]): Choice {
  const choice = choices.find(candidate => candidate === text)
  if (choice === undefined) throw new SettingFault(`one of ${choices.join(', ')}`)
  return choice
}

/** Non-empty parts between commas. */
export function parseList(text: string): string[] {
  return text
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '')
}

/** An http or https URL without user, query and fragment. */
export function parseUrl(text: string): URL {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    throw new SettingFault('an http or https address without user, query and fragment')
  return url
}

/** Scheme, host and port alone, as browsers write an `Origin`. */
export function parseOrigin(text: string): string {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || !/^\/?$/.test(url.pathname))
    throw new SettingFault('an origin: scheme, host and port alone, such as https://app.example.com')
  if (url.search || url.hash) throw new SettingFault('an origin, without query and fragment')
  return url.origin
}

/** `host:port`, with an IPv6 host in brackets. */
export function parseListen(text: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (!host || Number(port) > 65_535) throw new SettingFault('an address and a port, such as 127.0.0.1:9464')
  return { host, port: Number(port) }
}

/** The name of a host, without a port. */
export function parseHostName(text: string): string {
  if (!/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/i.test(text))
    throw new SettingFault('names of hosts by commas, such as auth.internal')
  return text.toLowerCase()
}

/** An address or a CIDR range. */
export function parseNetwork(text: string): string {
  const [address, bits, rest] = text.split('/')
  const family = isIP(address ?? '')
  const width = family === 6 ? 128 : 32
  const rangeFits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= width)
  if (!family || !rangeFits || rest !== undefined || text.includes('%'))
    throw new SettingFault('addresses or CIDR ranges by commas, such as 10.0.0.0/8,::1')
  return text
}

/** True for names and addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase()
  return bare === 'localhost' || bare.endsWith('.localhost') || bare === '::1' || /^127(\.\d{1,3}){3}$/.test(bare)
}
