import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import pg from 'pg'

const AUTHENTICATION_OK = message('R', Buffer.alloc(4))
const READY = message('Z', Buffer.from('I'))
const FORWARDED = ['user', 'database', 'application_name', 'client_encoding'] // any other parameter is refused, as PgBouncer does

type ServerConnection = { stream: Socket; isFree: boolean }

/**
 * A connection pooler in transaction mode, as PgBouncer is on the wire: each transaction of a client meets the next of a few
 * server sessions, so that what is left in one is missing in another, and the parameters of a start are refused.
 */
export async function openPoolerDouble(databaseUrl: string, sessions = 3) {
  const opened = new AsyncDisposableStack()
  const servers: ServerConnection[] = []
  for (let count = 0; count < sessions; count++) {
    const client = new pg.Client({ connectionString: databaseUrl })
    client.on('error', () => {}) // the database may go before the pooler
    await client.connect()
    const { stream } = (client as unknown as { connection: { stream: Socket } }).connection
    stream.removeAllListeners('data')
    stream.on('error', () => {})
    opened.defer(() => void stream.destroy())
    servers.push({ stream, isFree: true })
  }
  const waiting: (() => void)[] = []
  const free = async (): Promise<ServerConnection> => {
    for (;;) {
      const index = servers.findIndex(({ isFree }) => isFree)
      if (index >= 0) {
        const [server] = servers.splice(index, 1)
        servers.push(server!) // the next transaction meets another one
        server!.isFree = false
        return server!
      }
      await new Promise<void>(resolve => waiting.push(resolve))
    }
  }
  const release = (server: ServerConnection) => {
    server.stream.removeAllListeners('data')
    server.isFree = true
    waiting.shift()?.()
  }

  const clients = new Set<Socket>()
  const listener = createServer(client => {
    clients.add(client)
    client.on('error', () => {})
    client.on('close', () => clients.delete(client))
    serve(client, free, release)
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  opened.defer(async () => {
    for (const client of clients) client.destroy()
    listener.close()
  })
  const url = new URL(databaseUrl)
  url.port = String((listener.address() as AddressInfo).port)
  return { url: url.href, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

function serve(
  client: Socket,
  free: () => Promise<ServerConnection>,
  release: (server: ServerConnection) => void,
): void {
  let isStarted = false
  let server: Promise<ServerConnection> | undefined
  let pending = Promise.resolve()
  client.on('data', (chunk: Buffer) => {
    if (!isStarted) {
      isStarted = true
      const refused = refusedParameter(chunk)
      if (refused) return void client.end(message('E', errorFields(`unsupported startup parameter: ${refused}`)))
      client.write(Buffer.concat([AUTHENTICATION_OK, message('K', Buffer.alloc(8, 1)), READY]))
      return
    }
    if (chunk[0] === 0x58) return void client.end() // Terminate
    server ??= free().then(taken => {
      let left = Buffer.alloc(0)
      taken.stream.on('data', (answer: Buffer) => {
        client.write(answer)
        left = Buffer.concat([left, answer])
        const { state, rest } = lastReady(left)
        left = rest
        if (state !== 'I') return
        server = undefined
        release(taken)
      })
      return taken
    })
    const taken = server
    pending = pending.then(async () => void (await taken).stream.write(chunk))
  })
}

/** The state that the last whole ReadyForQuery tells, and what is not a whole message yet. */
function lastReady(bytes: Buffer<ArrayBuffer>): { state: string | undefined; rest: Buffer<ArrayBuffer> } {
  let state: string | undefined
  let at = 0
  while (bytes.length >= at + 5) {
    const end = at + 1 + bytes.readInt32BE(at + 1)
    if (bytes.length < end) break
    if (bytes[at] === 0x5a) state = String.fromCharCode(bytes[at + 5]!)
    at = end
  }
  return { state, rest: bytes.subarray(at) }
}

function refusedParameter(startup: Buffer): string | undefined {
  const words = startup.subarray(8).toString('latin1').split('\0')
  return words.filter((_, index) => index % 2 === 0).find(name => name !== '' && !FORWARDED.includes(name))
}

function errorFields(text: string): Buffer {
  return Buffer.from(`SFATAL\0VFATAL\0C08P01\0M${text}\0\0`)
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}
