import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from '../log.ts'
import { within } from '../missed-deadlines.ts'
import { type ControlError, PROTOCOL, type Reply, type Request, receiveMessage, sendMessage } from './protocol.ts'
import { socketFolder, socketPath } from './socket-path.ts'

const LONGEST_REQUEST = 64 * 1024 // bytes
const RECEIVED_WITHIN = 5_000 // milliseconds
const PERFORMED_WITHIN = 30_000 // milliseconds; what takes longer goes on, and its sender is told so
const TOO_LONG = `it takes longer than ${PERFORMED_WITHIN / 1_000} s; it may still be performed`
const TAKEN_WITHIN = 5_000 // milliseconds that a sender has to read the reply
const FINISHED_WITHIN = 2_000 // milliseconds that operations under way have at the stop
const MOST_CONNECTIONS = 16

export type ControlOptions = {
  /** Where the database lies; the caller holds its lock, so whatever socket is there belongs to a process that died. */
  dataDirectory: string
  perform(operation: string, args: unknown): Promise<unknown>
  /** What to tell of an error. */
  describe(error: unknown): ControlError
  /** Is told when a sender, or an operation, took longer than it may. */
  onMissedDeadline(what: 'control_socket'): void
  logger: Logger
}

/**
 * Lets other processes of the same user ask this one to perform operations, by a Unix domain socket. Its folder has the
 * mode 0700 and it has 0600, so that nobody else can connect; who can, could open the database as well.
 * @throws OperatorError where there can be no such socket
 */
export async function listenForOperators(options: ControlOptions): Promise<{ close(): Promise<void> }> {
  const path = socketPath(options.dataDirectory)
  const folder = socketFolder(options.dataDirectory)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, 0o700) // it may have been there
  rmSync(path, { force: true })
  const connections = new Map<Socket, Promise<void>>()
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {}) // the sender has gone; what it asked for is done all the same
    connections.set(
      socket,
      attend(socket, options).finally(() => connections.delete(socket)),
    )
  })
  server.maxConnections = MOST_CONNECTIONS
  await listen(server, path)
  try {
    chmodSync(path, 0o600)
  } catch (error) {
    server.close()
    throw error
  }
  return {
    async close() {
      server.close() // removes the socket
      await Promise.race([Promise.all(connections.values()), pause(FINISHED_WITHIN, undefined, { ref: false })])
      for (const socket of connections.keys()) socket.destroy()
    },
  }
}

async function listen(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(path, resolve)
  await promise
}

/** Receives the request of one connection, performs it and replies. */
async function attend(socket: Socket, { perform, describe, onMissedDeadline, logger }: ControlOptions): Promise<void> {
  const onMissed = () => onMissedDeadline('control_socket')
  const giveUp = () => {
    onMissed()
    socket.destroy()
  }
  const deadline = setTimeout(giveUp, RECEIVED_WITHIN)
  const reply: Reply = { protocol: PROTOCOL }
  try {
    const request = requestOf(await receiveMessage(socket, LONGEST_REQUEST))
    clearTimeout(deadline)
    if ('code' in request) reply.error = request
    else
      reply.result = await within(PERFORMED_WITHIN, perform(request.operation, request.arguments), {
        onMissed,
        otherwise: TOO_LONG,
      })
  } catch (error) {
    clearTimeout(deadline)
    reply.error = describe(error)
    logger.debug({ err: error }, 'an operation that a command asked for was not performed')
  }
  if (socket.destroyed) return
  socket.setTimeout(TAKEN_WITHIN, giveUp)
  sendMessage(socket, reply)
}

/** What is asked for; an error where it is not understood. */
function requestOf(message: unknown): Request | ControlError {
  const { protocol, operation, arguments: args } = (message ?? {}) as Partial<Request>
  if (protocol === PROTOCOL && typeof operation === 'string') return { protocol, operation, arguments: args }
  return {
    code: 'protocol_unknown',
    needed: `a request of protocol ${PROTOCOL}, which the running service speaks`,
    found: typeof protocol === 'number' ? `one of protocol ${protocol}` : 'something else',
    remedy: 'run the command from the release that the service was started from, or restart the service',
  }
}
