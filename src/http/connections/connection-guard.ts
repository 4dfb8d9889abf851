import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from '../../log.ts'
import type { HttpCode } from '../problem.ts'

/**
 * How many connections each address that we listen on may have; further ones are closed at once. The proxy that ends TLS
 * has one for each request under way and some that wait, so that ordinary use needs hundreds. An idle one costs about
 * 10 KB and an unfinished body 64 KB more, so that the worst of clients takes less than 1 GB.
 *
 * There is no such number by client: behind a proxy all connections come from one address.
 */
const MOST_CONNECTIONS = 10_000
const WARN_AGAIN_AFTER = 60_000 // milliseconds

/**
 * Bounds the connections of a server, remembers where each comes from, and lets requests with an expectation that Node
 * knows nothing of come through.
 */
export function guardConnections(server: Server, logger: Pick<Logger, 'warn'>): void {
  server.maxConnections = MOST_CONNECTIONS
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  server.on('connection', rememberAddress)
  let warnedAt = Number.NEGATIVE_INFINITY
  server.on('drop', () => {
    if (performance.now() < warnedAt + WARN_AGAIN_AFTER) return
    warnedAt = performance.now()
    logger.warn({ connections: MOST_CONNECTIONS }, 'there are as many connections as may be; further ones are closed')
  })
}

// Node asks for the address when it is first read, and finds none once the client has gone: a request that was sent
// and left behind would be counted against no network.
function rememberAddress(socket: Socket): void {
  if (socket.remoteAddress === undefined) socket.destroy()
}

/** What the headers of a request alone are refused for: whom it is meant for (RFC 9112 section 3.2), and what it expects. */
export function headersRefusal({ httpVersion, headers, rawHeaders }: IncomingMessage): HttpCode | undefined {
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) return 'bad_request'
  const { expect } = headers
  const isMet = expect === undefined || expect.toLowerCase() === '100-continue' || httpVersion === '1.0'
  return isMet ? undefined : 'expectation_failed'
}
