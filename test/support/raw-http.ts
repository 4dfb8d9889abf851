import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** An answer as it stood on the wire. */
export type RawAnswer = { status: number; headers: Record<string, string>; body: string }

export type RawExchange = {
  answers: RawAnswer[]
  /** Whether the server was the one who closed the connection. */
  isClosed: boolean
}

export type RawOptions = {
  /** Milliseconds to wait for the end; then the connection is given up. */
  patience?: number
  /** Ends the connection as soon as everything is written. */
  leavesEarly?: boolean
  /** The address of this machine that it comes from. */
  from?: string
}

/**
 * Writes bytes to a server on this machine, whether or not they are HTTP, and reads what comes back until the
 * connection is closed or patience ends.
 */
export async function sendRaw(
  port: number,
  bytes: string | Buffer,
  { patience = 2_000, leavesEarly = false, from = '127.0.0.1' }: RawOptions = {},
): Promise<RawExchange> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from })
  const received: Buffer[] = []
  let isClosed = false
  socket.on('data', data => received.push(data)).on('error', () => {})
  socket.on('close', () => {
    isClosed = true
  })
  await once(socket, 'connect')
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  if (leavesEarly) await left(socket)
  else await closedWithin(socket, patience)
  const result = { answers: answersIn(Buffer.concat(received).toString('latin1')), isClosed }
  socket.destroy()
  return result
}

/** A request in HTTP/1.1 that asks for the connection to be closed. */
export function rawRequest(method: string, path: string, headers: Record<string, string> = {}, body = ''): string {
  const all = { host: 'localhost', connection: 'close', ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  const length =
    body === '' || 'content-length' in headers ? '' : `content-length: ${Buffer.byteLength(body, 'latin1')}\r\n`
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}${length}\r\n${body}`
}

async function left(socket: Socket): Promise<void> {
  if (socket.writableLength > 0) await once(socket, 'drain')
  socket.resetAndDestroy()
}

async function closedWithin(socket: Socket, patience: number): Promise<void> {
  if (socket.destroyed) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, patience)
  socket.once('close', resolve)
  await promise
  clearTimeout(timer)
}

/** Final answers, those of 1xx left out. */
function answersIn(text: string): RawAnswer[] {
  const answers: RawAnswer[] = []
  let rest = text
  while (rest.startsWith('HTTP/1.1 ')) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) break
    const [line = '', ...fields] = rest.slice(0, end).split('\r\n')
    const headers = Object.fromEntries(
      fields.map(field => [
        field.slice(0, field.indexOf(':')).toLowerCase(),
        field.slice(field.indexOf(':') + 1).trim(),
      ]),
    )
    const status = Number(line.slice(9, 12))
    const { body, length } = bodyOf(rest.slice(end + 4), headers)
    if (status >= 200) answers.push({ status, headers, body })
    rest = rest.slice(end + 4 + length)
  }
  return answers
}

function bodyOf(text: string, headers: Record<string, string>): { body: string; length: number } {
  if (headers['transfer-encoding'] === 'chunked') return chunksOf(text)
  const length = Math.min(Number(headers['content-length'] ?? 0), text.length)
  return { body: text.slice(0, length), length }
}

function chunksOf(text: string): { body: string; length: number } {
  let [body, at] = ['', 0]
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    if (lineEnd < 0 || Number.isNaN(size)) return { body, length: text.length }
    if (size === 0) return { body, length: lineEnd + 4 }
    body += text.slice(lineEnd + 2, lineEnd + 2 + size)
    at = lineEnd + 2 + size + 2
  }
}
