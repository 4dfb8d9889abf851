import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { BlockList, isIPv6 } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { type Logger, onceAMinute } from '../log.ts'
import { parseIp, remembering } from './ip-address.ts'

/** Headers by which a proxy says for whom it sends a request (RFC 7239 and what came before it). */
const FORWARDING_HEADERS = ['x-forwarded-for', 'forwarded', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'via']

const MOST_HOPS = 50 // that are read, from the right; a client can send thousands

/** The proxies whose `x-forwarded-for` is believed. */
export class TrustedProxies {
  readonly #list = new BlockList()

  /** @param networks IP addresses and CIDR ranges */
  constructor(networks: readonly string[]) {
    for (const network of networks) {
      const [address = '', bits] = network.split('/')
      const family = isIPv6(address) ? 'ipv6' : 'ipv4'
      if (bits === undefined) this.#list.addAddress(address, family)
      else this.#list.addSubnet(address, Number(bits), family)
    }
  }

  /** @param address an IP address, with or without zone */
  readonly includes = remembering((address: string): boolean => {
    const ip = parseIp(address)
    return ip !== undefined && this.#list.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4')
  })
}

/**
 * The addresses at the end of `x-forwarded-for`, up to the first entry from the right that is no IP address. Each proxy
 * appends the peer that it saw, so an entry that cannot be read ends the chain: the client is then the last proxy whose
 * address is known, and not something further left, which the client itself may have written. So do 50 entries.
 */
export function readableForwardedFor(header: string): string[] {
  const addresses: string[] = []
  for (const entry of header.split(',').slice(-MOST_HOPS).reverse()) {
    const address = parseIp(entry)
    if (address === undefined) break
    addresses.unshift(address)
  }
  return addresses
}

/** Whether a request says that a proxy sent it on. */
export function isForwarded(headers: IncomingHttpHeaders): boolean {
  return FORWARDING_HEADERS.some(name => headers[name] !== undefined)
}

/**
 * Whether nothing about a request tells of a proxy: no forwarding header, and not HTTP/1.0, which nginx before 1.29.7 speaks
 * without being told. A proxy that tells nothing looks direct.
 */
export const isDirect = ({ headers, httpVersion }: Pick<IncomingMessage, 'headers' | 'httpVersion'>): boolean =>
  !isForwarded(headers) && httpVersion !== '1.0'

/**
 * Lets Fastify's `request.ip` be an IP address whatever the headers say: Fastify takes each entry of `x-forwarded-for`
 * as it is, with ports, names and garbage, and each of those would be a network of its own to the limits. From other
 * peers than trusted proxies the headers count for nothing, which the log tells at most once a minute.
 */
export function readForwardedFor(
  server: Pick<FastifyInstance, 'addHook'>,
  proxies: TrustedProxies,
  logger: Pick<Logger, 'warn'>,
): void {
  const warnOf = onceAMinute(({ socket }: IncomingMessage) => {
    const peer = parseIp(socket.remoteAddress ?? '')
    logger.warn(
      { peer },
      'forwarding headers are ignored, as they come from a peer that is not in AUTH_TRUST_PROXY; ' +
        `if that is your reverse proxy, set AUTH_TRUST_PROXY=${peer}, otherwise all its clients share one rate limit`,
    )
  })

  server.addHook('onRequest', (request, _reply, done) => {
    const { headers, socket } = request.raw
    const forwardedFor = headers['x-forwarded-for']
    if (forwardedFor !== undefined || headers.forwarded !== undefined) {
      if (!proxies.includes(socket.remoteAddress ?? '')) warnOf(request.raw)
      else if (typeof forwardedFor === 'string')
        headers['x-forwarded-for'] = readableForwardedFor(forwardedFor).join(', ')
    }
    done()
  })
}
