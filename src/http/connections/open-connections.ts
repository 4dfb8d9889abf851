import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type Logger, onceAMinute } from '../../log.ts'
import type { Counter } from '../../metrics.ts'
import { networkOf } from '../network.ts'
import { StalledWrites } from './stalled-writes.ts'

/**
 * How many connections each address that we listen on may have; further ones are closed at once. The proxy that ends TLS
 * has one for each request under way and some that wait, so that ordinary use needs hundreds. An idle one costs about
 * 10 KB and an unfinished body 16 KB more, so that the worst of clients takes less than 500 MB.
 */
const MOST_CONNECTIONS = 10_000

/** How many of these one network may have. A trusted proxy may have all, since those of its clients are its own. */
const MOST_OF_A_NETWORK = 2_000

const SWEEP_EVERY = 500 // milliseconds
const ARRIVES_WITHIN = 500 // milliseconds; so long has a request that was on its way when a stop began
const ANSWERED_WITHIN = 5_000 // milliseconds; so is every request, whatever the database does

export type OpenConnectionsOptions = {
  logger: Pick<Logger, 'warn'>
  /** Whether an address is that of a proxy that others come through. */
  isTrustedProxy(address: string): boolean
  /** Counts connections that were closed before their time. */
  closed: Counter<'reason'>
}

/**
 * The open connections of all servers that listen: bounded in number, in all and by network, closed when their client
 * stops reading, and ended within 5 seconds at a stop.
 *
 * Node's `close` ends connections that wait after a response, and waits for all others without limit, since its timeouts
 * end with the listening. Whoever connects and sends nothing, or half a request, would decide how long a stop takes. So
 * those without a whole request under way are ended soon, the others when they have their response.
 */
export class OpenConnections {
  readonly #options: OpenConnectionsOptions
  readonly #warn: ReturnType<typeof warningsTo>
  readonly #servers: Server[] = []
  readonly #sockets = new Map<Socket, string>() // each with its network
  readonly #places = new NetworkPlaces(MOST_OF_A_NETWORK)
  readonly #stalledWrites = new StalledWrites()
  readonly #sweeping: NodeJS.Timeout
  #stopBegan: number | undefined

  constructor(options: OpenConnectionsOptions) {
    this.#options = options
    this.#warn = warningsTo(options.logger)
    this.#sweeping = setInterval(() => this.#sweep(), SWEEP_EVERY).unref()
  }

  /** Takes on a server that has no connections yet. */
  watch(server: Server): void {
    this.#servers.push(server)
    server.maxConnections = MOST_CONNECTIONS
    server.on('drop', () => this.#countClosed('all_places_taken', this.#warn.all))
    server.on('connection', this.#admit.bind(this))
  }

  /** Accepts no more, on any address, and begins to end those that are there. */
  close(): void {
    for (const server of this.#servers) server.close()
    this.#stopBegan = performance.now()
  }

  /** Resolves when all have ended, after `close`. */
  async closed(): Promise<void> {
    const sockets = [...this.#sockets.keys()]
    await Promise.all(sockets.map(socket => new Promise<void>(resolve => socket.once('close', resolve))))
    clearInterval(this.#sweeping)
  }

  #admit(socket: Socket): void {
    // Node asks for the address when it is first read, and finds none once the client has gone: a request that was sent
    // and left behind would be counted against no network.
    const address = socket.remoteAddress
    if (address === undefined) return void socket.destroy()
    const network = networkOf(address)
    const isBounded = !this.#options.isTrustedProxy(address)
    if (isBounded && !this.#places.take(network)) {
      socket.destroy()
      return void this.#countClosed('network_places_taken', this.#warn.network, network)
    }
    this.#sockets.set(socket, network)
    socket.on('close', () => {
      this.#sockets.delete(socket)
      if (isBounded) this.#places.giveBack(network)
    })
  }

  #sweep(): void {
    const now = performance.now()
    const stopping = this.#stopBegan === undefined ? 0 : now - this.#stopBegan
    for (const [socket, network] of this.#sockets) {
      if (stopping >= ANSWERED_WITHIN || (stopping >= ARRIVES_WITHIN && !hasWholeRequest(socket))) socket.destroy()
      else if (this.#stalledWrites.has(socket, now)) {
        socket.resetAndDestroy() // else the system would keep what it has taken, for minutes
        this.#countClosed('stopped_reading', this.#warn.stalled, network)
      }
    }
  }

  #countClosed(reason: string, warn: (network: string) => void, network = ''): void {
    this.#options.closed.inc({ reason })
    warn(network)
  }
}

const warningsTo = (logger: Pick<Logger, 'warn'>) => ({
  all: onceAMinute(() =>
    logger.warn({ connections: MOST_CONNECTIONS }, 'there are as many connections as may be; further ones are closed'),
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
})

/** Whether a request has arrived as a whole and has no response yet. */
function hasWholeRequest(socket: Socket): boolean {
  // Node tells nobody else which response a socket is for now; to note each would cost every request, and memory for
  // connections that wait.
  const { _httpMessage: response } = socket as { _httpMessage?: ServerResponse | null }
  return response?.req.complete ?? false
}

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
