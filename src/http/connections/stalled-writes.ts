import type { Server } from 'node:http'
import type { Socket } from 'node:net'

const LONGEST_STALL = 30_000 // milliseconds
const SWEEP_EVERY = 1_000 // milliseconds

type Progress = { taken: number; since: number }

/**
 * Closes connections whose client takes nothing of what waits to be sent to it for 30 seconds. Node has no such
 * deadline: its timeouts are of requests, which such a client completes, and of connections on which nothing waits; a
 * timeout of the socket, besides, acts after twice its length while a write is pending.
 *
 * @param onClose is told of each
 */
export function closeStalledWrites(server: Server, onClose: (socket: Socket) => void): void {
  const sockets = new Set<Socket>()
  const progress = new WeakMap<Socket, Progress>()
  server.on('connection', socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })

  const sweep = setInterval(() => {
    const now = performance.now()
    for (const socket of sockets) {
      if (socket.writableLength === 0) {
        progress.delete(socket)
        continue
      }
      const taken = bytesTaken(socket)
      const last = progress.get(socket)
      if (!last || last.taken !== taken) progress.set(socket, { taken, since: now })
      else if (now - last.since >= LONGEST_STALL) {
        socket.resetAndDestroy() // else the system would keep what it has taken, for minutes
        onClose(socket)
      }
    }
  }, SWEEP_EVERY).unref()
  server.once('close', () => clearInterval(sweep))
}

/** How many bytes the system has taken of what was written; the rest waits in Node. */
function bytesTaken(socket: Socket): number {
  // The public bytesWritten also counts what libuv could not hand over yet, and writableLength does not fall before a
  // whole write is done, which on a slow line takes minutes.
  const { _handle: handle } = socket as { _handle?: { bytesWritten: number; writeQueueSize: number } | null }
  return handle ? handle.bytesWritten - handle.writeQueueSize : 0
}
