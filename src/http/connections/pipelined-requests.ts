import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const MOST_WAITING = 15 // requests of one connection, beside the one that is being responded to

/**
 * Closes connections that send many requests without waiting for responses. HTTP allows it (RFC 9112 section 9.3.2), and
 * hardly any client does it. Node hands on all requests of one read of the socket, thousands in 64 KB, and their
 * responses wait in memory as long as the client reads none.
 */
export class PipeliningBound {
  readonly #waiting = new WeakMap<Socket, number>()
  readonly #onClose: (socket: Socket) => void

  /** @param onClose is told of each connection that is closed */
  constructor(onClose: (socket: Socket) => void) {
    this.#onClose = onClose
  }

  /**
   * Counts a request for as long as its response waits for those before it.
   * @returns false when its connection was closed instead
   */
  admit({ socket }: IncomingMessage, response: ServerResponse): boolean {
    // Node gives the socket to one response after the other: whose has it came alone, as nearly all do, and costs nothing.
    if (response.socket) return true
    const count = (this.#waiting.get(socket) ?? 0) + 1
    if (count > MOST_WAITING) {
      if (!socket.destroyed) this.#close(socket)
      return false
    }
    this.#waiting.set(socket, count)
    response.once('socket', () => this.#waiting.set(socket, (this.#waiting.get(socket) ?? 1) - 1))
    return true
  }

  #close(socket: Socket): void {
    socket.resetAndDestroy()
    this.#onClose(socket)
  }
}
