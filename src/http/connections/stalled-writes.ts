import type { Socket } from 'node:net'

const LONGEST_STALL = 30_000 // milliseconds

type Progress = { taken: number; since: number }

/**
 * Finds connections whose client takes nothing of what waits to be sent to it for 30 seconds. Node has no such
 * deadline: its timeouts are of requests, which such a client completes, and of connections on which nothing waits; a
 * timeout of the socket, besides, acts after twice its length while a write is pending.
 */
export class StalledWrites {
  readonly #progress = new WeakMap<Socket, Progress>()

  /**
   * Compares with what the client had taken when it was last looked at.
   * @param now milliseconds of a monotonic clock
   */
  has(socket: Socket, now: number): boolean {
    if (socket.writableLength === 0) {
      this.#progress.delete(socket)
      return false
    }
    const taken = bytesTaken(socket)
    const last = this.#progress.get(socket)
    if (last?.taken === taken) return now - last.since >= LONGEST_STALL
    this.#progress.set(socket, { taken, since: now })
    return false
  }
}

/** How many bytes the system has taken of what was written; the rest waits in Node. */
function bytesTaken(socket: Socket): number {
  // The public bytesWritten also counts what libuv could not hand over yet, and writableLength does not fall before a
  // whole write is done, which on a slow line takes minutes.
  const { _handle: handle } = socket as { _handle?: { bytesWritten: number; writeQueueSize: number } | null }
  return handle ? handle.bytesWritten - handle.writeQueueSize : 0
}
