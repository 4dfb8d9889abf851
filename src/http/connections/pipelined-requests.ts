import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

const MOST_UNFINISHED = 16 // requests of one connection

/**
 * Closes connections that send many requests without waiting for responses. HTTP allows it (RFC 9112 section 9.3.2), and
 * hardly any client does it. Node hands on all requests of one read of the socket, thousands in 64 KB, and their
 * responses wait in memory as long as the client reads none.
 *
 * @param onClose is told of each
 */
export function boundPipelining(server: Pick<FastifyInstance, 'addHook'>, onClose: (socket: Socket) => void): void {
  const unfinished = new WeakMap<Socket, number>()

  server.addHook('onRequest', (request, reply, done) => {
    const { socket } = request.raw
    const count = (unfinished.get(socket) ?? 0) + 1
    if (count <= MOST_UNFINISHED) {
      unfinished.set(socket, count)
      return done()
    }
    reply.hijack() // nothing further happens to it
    if (socket.destroyed) return
    socket.resetAndDestroy()
    onClose(socket)
  })

  server.addHook('onResponse', async ({ raw: { socket } }) => {
    unfinished.set(socket, (unfinished.get(socket) ?? 1) - 1)
  })
}
