import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/**
 * Looks at what goes through one connection.
 * @returns how many bytes of the chunk are passed on before the connection is cut; undefined to pass on all of it
 */
export type Watch = (from: 'client' | 'server', chunk: Buffer) => number | undefined

/** A way to a server on this machine, that can be closed, opened again and cut anywhere. */
export class CuttingProxy implements AsyncDisposable {
  /** Makes what watches each new connection. */
  watch: (() => Watch) | undefined
  connections = 0
  #target: number
  #isSilent = false
  readonly #silenced = new WeakSet<Socket>()
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #port = 0

  /** @param target the server's port */
  constructor(target: number) {
    this.#target = target
  }

  /** Opens one to the server of a URL. */
  static async inFrontOf(url: string): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(Number(new URL(url).port))
    await proxy.open()
    return proxy
  }

  get port(): number {
    return this.#port
  }

  /** A URL of the server, by way of this proxy. */
  urlOf(url: string): string {
    return Object.assign(new URL(url), { port: String(this.#port) }).href
  }

  /** Listens, at the same port as before. */
  async open(): Promise<void> {
    this.#server = createServer(client => this.#join(client)).listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Refuses connections from now on, and cuts those that there are. */
  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    const closed = once(server, 'close')
    server.close()
    this.cut()
    await closed
  }

  /**
   * Passes nothing on any more, as if the host behind it were gone without a word: connections stay open and new ones are
   * accepted, but nothing comes back, not even after {@link hear}.
   */
  fallSilent(): void {
    this.#isSilent = true
    for (const socket of this.#sockets) this.#silenced.add(socket)
  }

  /** Serves new connections again. */
  hear(): void {
    this.#isSilent = false
  }

  /** Leads new connections to another server. */
  leadTo(target: number): void {
    this.#target = target
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #join(client: Socket): void {
    this.connections++
    const server = connect(this.#target, '127.0.0.1')
    if (this.#isSilent) for (const socket of [client, server]) this.#silenced.add(socket)
    const watch = this.watch?.()
    this.#lead(client, server, chunk => watch?.('client', chunk))
    this.#lead(server, client, chunk => watch?.('server', chunk))
  }

  #lead(from: Socket, to: Socket, watch: (chunk: Buffer) => number | undefined): void {
    this.#sockets.add(from)
    from.on('data', (chunk: Buffer) => {
      if (this.#silenced.has(from)) return
      const passed = watch(chunk)
      if (passed === undefined) to.write(chunk)
      else to.write(chunk.subarray(0, passed), () => to.destroy())
    })
    from.on('error', () => {})
    from.on('close', () => {
      this.#sockets.delete(from)
      if (!this.#silenced.has(from)) to.destroy() // else the other side does not learn of it
    })
  }
}
