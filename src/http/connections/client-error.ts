import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { HTTP_PROBLEMS, PROBLEM_MEDIA_TYPE, problemOf } from '../problem.ts'

const STATUSES: Record<string, number> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

const LINGER = 1_000 // milliseconds that the answer has to arrive, which a reset could overtake (RFC 9112 section 9.6)

/**
 * Answers on the socket what is not even HTTP and so never becomes a request.
 * @param headers what every answer has
 */
export function answerClientError(
  error: Error & { code?: string },
  socket: Socket,
  headers: Record<string, string>,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const status = STATUSES[error.code ?? ''] ?? 400
  const body = JSON.stringify(problemOf('bad_request', { ...HTTP_PROBLEMS.bad_request, status }))
  const all = {
    ...headers,
    'content-type': PROBLEM_MEDIA_TYPE,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  setTimeout(() => socket.destroy(), LINGER).unref() // a client may never close its side
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`)
}
