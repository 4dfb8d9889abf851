import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { type Logger, onceAMinute } from '../../log.ts'
import type { Counter } from '../../metrics.ts'
import { networkOf } from '../network.ts'
import type { HttpCode } from '../problem.ts'
import { closeStalledWrites } from './stalled-writes.ts'

/**
 * How many connections each address that we listen on may have; further ones are closed at once. The proxy that ends TLS
 * has one for each request under way and some that wait, so that ordinary use needs hundreds. An idle one costs about
 * 10 KB and an unfinished body 64 KB more, so that the worst of clients takes less than 1 GB.
 */
const MOST_CONNECTIONS = 10_000

/** How many of these one network may have. A trusted proxy may have all, since those of its clients are its own. */
const MOST_OF_A_NETWORK = 2_000

export type ConnectionGuardOptions = {
  logger: Pick<Logger, 'warn'>
  /** Whether an address is that of a proxy that others come through. */
  isTrustedProxy(address: string): boolean
  /** Counts connections that were closed before their time. */
  closed: Counter<'reason'>
}

/**
 * Bounds the connections of a server, in all and by network, closes those whose client stopped reading, remembers where
 * each comes from, and lets requests with an expectation that Node knows nothing of come through.
 */
export function guardConnections(server: Server, { logger, isTrustedProxy, closed }: ConnectionGuardOptions): void {
  const warn = {
    all: onceAMinute(() =>
      logger.warn(
        { connections: MOST_CONNECTIONS },
        'there are as many connections as may be; further ones are closed',
      ),
    ),
    network: onceAMinute((network: string) =>
      logger.warn(
        { network, connections: MOST_OF_A_NETWORK },
        'a network has as many connections as it may; further ones are closed. If it is your reverse proxy, name it in AUTH_TRUST_PROXY',
      ),
    ),
    stalled: onceAMinute((network: string) =>
      logger.warn({ network }, 'a connection was closed, as its client stopped reading'),
    ),
  }

  server.maxConnections = MOST_CONNECTIONS
  server.on('drop', () => {
    closed.inc({ reason: 'all_places_taken' })
    warn.all()
  })
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))

  const places = new NetworkPlaces(MOST_OF_A_NETWORK)
  server.on('connection', (socket: Socket) => {
    // Node asks for the address when it is first read, and finds none once the client has gone: a request that was sent
    // and left behind would be counted against no network.
    const address = socket.remoteAddress
    if (address === undefined) return void socket.destroy()
    if (isTrustedProxy(address)) return
    const network = networkOf(address)
    if (places.take(network)) return void socket.once('close', () => places.giveBack(network))
    socket.destroy()
    closed.inc({ reason: 'network_places_taken' })
    warn.network(network)
  })

  closeStalledWrites(server, socket => {
    closed.inc({ reason: 'stopped_reading' })
    warn.stalled(networkOf(socket.remoteAddress ?? ''))
  })
}

/** What the headers of a request alone are refused for: whom it is meant for (RFC 9112 section 3.2), and what it expects. */
export function headersRefusal({ httpVersion, headers, rawHeaders }: IncomingMessage): HttpCode | undefined {
  let hosts = 0
  for (let index = 0; index < rawHeaders.length; index += 2) if (isHost(rawHeaders[index]!)) hosts++
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) return 'bad_request'
  const { expect } = headers
  const isMet = expect === undefined || expect.toLowerCase() === '100-continue' || httpVersion === '1.0'
  return isMet ? undefined : 'expectation_failed'
}

const isHost = (name: string) => name.length === 4 && name.toLowerCase() === 'host'

/**
 * Counts connections by network, and refuses those of a network that has all of its places.
 *
 * One client must not hold every place of the server, and costs nothing to try.
 */
class NetworkPlaces {
  readonly #most: number
  readonly #taken = new Map<string, number>()

  /** @param most places of each network */
  constructor(most: number) {
    this.#most = most
  }

  /** @returns whether there was a place; then it has to be given back */
  take(network: string): boolean {
    const taken = this.#taken.get(network) ?? 0
    if (taken >= this.#most) return false
    this.#taken.set(network, taken + 1)
    return true
  }

  giveBack(network: string): void {
    const left = (this.#taken.get(network) ?? 0) - 1
    if (left > 0) this.#taken.set(network, left)
    else this.#taken.delete(network)
  }
}
