import { ipv6Groups, parseIp, remembering } from './ip-address.ts'

/**
 * The network that a request comes from, for sharing out places: an IPv4 address, or the /64 of an IPv6 one, since a
 * single subscriber has a whole /64.
 * @param address an IP address, as `request.ip` is
 */
export const networkOf = remembering((address: string): string => {
  if (!address.includes(':')) return address
  const ip = parseIp(address)
  if (ip === undefined || !ip.includes(':')) return ip ?? address
  const groups = ipv6Groups(ip).slice(0, 4)
  return `${groups.map(group => group.toString(16)).join(':')}::/64`
})
