import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { answerParent } from '../../measuring/helper-process.ts'

/**
 * This file is also a helper process, which opens the connections: what it costs to hold thousands must not be taken for a
 * delay of the service by whoever measures that.
 */
export type HalfOpenQuestion =
  | { want: 'as many'; port: number; count: number }
  | { want: 'all closed'; patience: number }
export type HalfOpenAnswer = { opened: number; open: number; longestLifetime: number }

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
class HalfOpenConnections {
  readonly #port: number
  readonly #open = new Set<Socket>()
  /** How many were opened, with those that took the place of closed ones. */
  opened = 0
  /** How long one was held at the most that the server has closed, in milliseconds. */
  longestLifetime = 0

  constructor(port: number) {
    this.#port = port
    setInterval(() => {
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

  /** Waits until the server has closed them all. @param patience milliseconds */
  async untilClosed(patience: number): Promise<void> {
    for (const deadline = Date.now() + patience; this.#open.size > 0 && Date.now() < deadline; ) await pause(50)
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
      if (this.#open.delete(socket)) this.longestLifetime = Math.max(this.longestLifetime, performance.now() - began)
    })
  }
}

let connections: HalfOpenConnections | undefined

answerParent<HalfOpenQuestion, HalfOpenAnswer>(async question => {
  if (question.want === 'as many') {
    connections ??= new HalfOpenConnections(question.port)
    await connections.fillUp(question.count)
  } else await connections?.untilClosed(question.patience)
  const { opened = 0, count: open = 0, longestLifetime = 0 } = connections ?? {}
  return { opened, open, longestLifetime }
})
