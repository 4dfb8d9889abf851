import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** What each connection says before it falls silent: nothing, half of its headers, or half of its body. */
const BEGINNINGS = [
  '',
  'GET /livez HTTP/1.1\r\nhost: localhost\r\nx-slow: ',
  'POST /v1/sessions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{',
]
const DRIP_EVERY = 2_000 // milliseconds; one more byte, so that the connection is never idle
const OPENED_AT_ONCE = 250
const OPENED_BY_ONE = 500 // from each address of this machine; a network may have only so many

/** Connections that never finish their first request, held open as long as the server lets them. */
export class HalfOpenConnections {
  readonly #port: number
  readonly #open = new Set<Socket>()
  readonly #drip: NodeJS.Timeout
  /** How many were opened, with those that took the place of closed ones. */
  opened = 0
  /** How long each was held that the server has closed, in milliseconds. */
  readonly lifetimes: number[] = []

  constructor(port: number) {
    this.#port = port
    this.#drip = setInterval(() => {
      for (const socket of this.#open) if (socket.bytesWritten > 0) socket.write('x')
    }, DRIP_EVERY)
  }

  get count(): number {
    return this.#open.size
  }

  /** Opens connections until there are that many. */
  async fillUp(count: number): Promise<void> {
    while (this.#open.size < count) {
      const missing = Math.min(OPENED_AT_ONCE, count - this.#open.size)
      await Promise.all(Array.from({ length: missing }, () => this.#begin()))
    }
  }

  /** Waits until the server has closed them all. @param patience milliseconds @returns how many it has not */
  async untilClosed(patience: number): Promise<number> {
    for (const deadline = Date.now() + patience; this.#open.size > 0 && Date.now() < deadline; ) await pause(50)
    return this.#open.size
  }

  end(): void {
    clearInterval(this.#drip)
    for (const socket of this.#open) socket.destroy()
  }

  async #begin(): Promise<void> {
    const localAddress = `127.0.0.${1 + (Math.floor(this.opened / OPENED_BY_ONE) % 100)}`
    const socket = connect({ port: this.#port, host: '127.0.0.1', localAddress })
    socket.on('error', () => {}).resume()
    await once(socket, 'connect')
    const began = performance.now()
    socket.write(BEGINNINGS[this.opened++ % BEGINNINGS.length]!)
    this.#open.add(socket)
    socket.once('close', () => {
      if (this.#open.delete(socket)) this.lifetimes.push(performance.now() - began)
    })
  }
}
