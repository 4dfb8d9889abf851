import { isIP, isIPv4, isIPv6 } from 'node:net'

const LONGEST = 80 // characters; an IPv6 address with brackets, zone and port has fewer
const PORT = /^:\d{1,5}$/

const MOST_REMEMBERED = 200 // texts

/**
 * A function that remembers what it found for the last texts: each request asks for the address that it comes from
 * several times, and all requests of a connection come from the same one.
 */
export function remembering<Found>(find: (text: string) => Found): (text: string) => Found {
  const remembered = new Map<string, Found>()
  return text => {
    const known = remembered.get(text)
    if (known !== undefined) return known
    const found = find(text)
    if (found === undefined || text.length > LONGEST) return found
    if (remembered.size >= MOST_REMEMBERED) remembered.clear()
    remembered.set(text, found)
    return found
  }
}

/**
 * The IP address in what a proxy or the system writes: without brackets, port and zone, and an IPv4 address that is
 * mapped into IPv6 (RFC 4291 section 2.5.5.2) as the IPv4 address that it is.
 * @returns undefined for anything else
 */
export const parseIp = remembering((text: string): string | undefined => {
  if (text.length > LONGEST) return undefined
  const address = withoutZone(withoutPort(text.trim()))
  const family = isIP(address)
  if (family === 0) return undefined
  return family === 4 ? address : (mappedIpv4(address) ?? address)
})

/** The eight groups of an IPv6 address as numbers. @param address valid, without zone */
export function ipv6Groups(address: string): number[] {
  const [head = '', tail] = address.split('::')
  const start = groupsIn(head)
  if (tail === undefined) return start
  const end = groupsIn(tail)
  return [...start, ...Array.from({ length: 8 - start.length - end.length }, () => 0), ...end]
}

function withoutPort(text: string): string {
  if (text.startsWith('[')) {
    const end = text.indexOf(']')
    const rest = text.slice(end + 1)
    const inside = text.slice(1, end)
    return isIPv6(inside) && (rest === '' || PORT.test(rest)) ? inside : ''
  }
  const colon = text.indexOf(':')
  const host = text.slice(0, colon)
  return colon > 0 && isIPv4(host) && PORT.test(text.slice(colon)) ? host : text
}

function withoutZone(text: string): string {
  return isIPv6(text) ? text.split('%', 1)[0]! : text
}

function mappedIpv4(address: string): string | undefined {
  const groups = ipv6Groups(address)
  if (groups[5] !== 0xffff || groups.slice(0, 5).some(group => group !== 0)) return undefined
  return groups
    .slice(6)
    .flatMap(group => [group >> 8, group & 0xff])
    .join('.')
}

function groupsIn(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap(group => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a, b, c, d] = group.split('.').map(Number) as [number, number, number, number]
    return [a * 256 + b, c * 256 + d]
  })
}
