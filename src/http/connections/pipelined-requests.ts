import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const MOST_UNFINISHED = 16 // requests of one connection

/**
 * Closes connections that send many requests without waiting for responses. HTTP allows it (RFC 9112 section 9.3.2), and
 * hardly any client does it. Node hands on all requests of one read of the socket, thousands in 64 KB, and their
 * responses wait in memory as long as the client reads none.
 */
export class PipeliningBound {
  readonly #unfinished = new WeakMap<Socket, number>()
  readonly #onClose: (socket: Socket) => void

  /** @param onClose is told of each connection that is closed */
  constructor(onClose: (socket: Socket) => void) {
    this.#onClose = onClose
  }

  /** Counts a request until its response has been sent. @returns false when its connection was closed instead */
  admit({ socket }: IncomingMessage, response: ServerResponse): boolean {
    const count = (this.#unfinished.get(socket) ?? 0) + 1
    if (count > MOST_UNFINISHED) {
      if (!socket.destroyed) this.#close(socket)
      return false
    }
    this.#unfinished.set(socket, count)
    response.once('close', () => this.#unfinished.set(socket, (this.#unfinished.get(socket) ?? 1) - 1))
    return true
  }

  #close(socket: Socket): void {
    socket.resetAndDestroy()
    this.#onClose(socket)
  }
}
