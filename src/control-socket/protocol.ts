import type { Socket } from 'node:net'
import type { OperatorFault } from '../operator-error.ts'

// One request and one reply a connection, each a JSON object on one line.

/** Raised when an older process could misread what a newer one sends. */
export const PROTOCOL = 1

export type Request = { protocol: number; operation: string; arguments: unknown }
export type Reply = { protocol: number; result?: unknown; error?: ControlError }

/** Why an operation was not performed, as it travels. */
export type ControlError = OperatorFault & { code: string; ids?: readonly string[] | undefined }

/** Writes the one message of this side and ends it. */
export function sendMessage(socket: Socket, message: Request | Reply): void {
  socket.end(`${JSON.stringify(message)}\n`)
}

/**
 * The one message of the other side.
 * @param most bytes that it may have
 * @throws when the connection ends before, or the message is longer or no JSON
 */
export async function receiveMessage(socket: Socket, most: number): Promise<unknown> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > most) throw new Error(`the message is longer than ${most} bytes`)
    const end = chunk.indexOf(10) // a line feed
    chunks.push(end < 0 ? chunk : chunk.subarray(0, end))
    if (end >= 0) return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  }
  throw new Error('the connection ended before the message did')
}
