import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

const LOOK_EVERY = 500 // milliseconds; so long has a request to arrive that was on its way when the stop began
const ANSWERED_WITHIN = 5_000 // milliseconds; so is every request, whatever the database does

/**
 * Prepares each server that listens. On localhost that is one for each address; Fastify tells of the first alone, which
 * would leave the others without whatever is done to it.
 */
export function prepareListeningServers(
  fastify: Pick<FastifyInstance, 'addHook' | 'server'>,
  prepare: (server: Server) => void,
): void {
  prepare(fastify.server)
  fastify.addHook('onListen', async () => {
    for (const server of otherServersOf(fastify)) prepare(server)
  })
}

function otherServersOf(fastify: object): Server[] {
  const symbol = Object.getOwnPropertySymbols(fastify).find(
    ({ description }) => description === 'fastify.serverBindings',
  )
  const servers: unknown = symbol && Reflect.get(fastify, symbol)
  if (Array.isArray(servers)) return servers
  throw new Error(
    'This version of Fastify keeps the servers of further addresses elsewhere; listening-servers.ts has to follow',
  )
}

/**
 * Ends every connection at a stop, within 5 seconds: those without a whole request under way soon, the others when
 * they have their response.
 *
 * Node's `close` ends connections that wait after a response, and waits for all others without limit, since its timeouts
 * end with the listening. Whoever connects and sends nothing, or half a request, would decide how long a stop takes.
 */
export class OpenConnections {
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  #looking: NodeJS.Timeout | undefined

  watch(server: Server): void {
    this.#servers.push(server)
    server.on('connection', socket => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  /** Accepts no more, on any address, and begins to end those that are there. */
  close(): void {
    for (const server of this.#servers) server.close()
    const began = performance.now()
    this.#looking = setInterval(() => {
      const isOver = performance.now() - began >= ANSWERED_WITHIN
      for (const socket of this.#sockets) if (isOver || !hasWholeRequest(socket)) socket.destroy()
    }, LOOK_EVERY).unref()
  }

  /** Resolves when all have ended. */
  async closed(): Promise<void> {
    await Promise.all([...this.#sockets].map(socket => new Promise<void>(resolve => socket.once('close', resolve))))
    clearInterval(this.#looking)
  }
}

/** Whether a request has arrived as a whole and has no response yet. */
function hasWholeRequest(socket: Socket): boolean {
  // Node tells nobody else which response a socket is for now; to note each would cost every request, and memory for
  // connections that wait.
  const { _httpMessage: response } = socket as { _httpMessage?: ServerResponse | null }
  return response?.req.complete ?? false
}
