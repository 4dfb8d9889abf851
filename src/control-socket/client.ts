import { connect, type Socket } from 'node:net'
import { OperatorError } from '../operator-error.ts'
import { PROTOCOL, type Reply, receiveMessage, sendMessage } from './protocol.ts'
import { socketPath } from './socket-path.ts'

const LONGEST_REPLY = 4 * 1024 * 1024 // bytes
const REPLIED_WITHIN = 40_000 // milliseconds; more than the service gives an operation

/**
 * Asks the service that runs on a data directory to perform an operation.
 * @returns its reply; undefined when no service runs there
 * @throws OperatorError when it gives no reply, or one that this program does not understand
 */
export async function askRunningService(
  dataDirectory: string,
  operation: string,
  args: unknown,
): Promise<Reply | undefined> {
  const socket = await connected(socketPath(dataDirectory))
  if (!socket) return undefined
  const deadline = setTimeout(
    () => socket.destroy(new Error(`none within ${REPLIED_WITHIN / 1_000} s`)),
    REPLIED_WITHIN,
  )
  try {
    sendMessage(socket, { protocol: PROTOCOL, operation, arguments: args })
    return replyOf(await receiveMessage(socket, LONGEST_REPLY))
  } catch (cause) {
    throw new OperatorError(
      {
        needed: 'the reply of the running service',
        found: (cause as Error).message,
        remedy: 'look at its log; what was asked for may have been done, so look before you repeat it',
      },
      { cause },
    )
  } finally {
    clearTimeout(deadline)
    socket.destroy()
  }
}

function replyOf(message: unknown): Reply {
  const reply = (message ?? {}) as Partial<Reply>
  if (reply.protocol === PROTOCOL && ('result' in reply || reply.error)) return reply as Reply
  throw new Error(`something else than a reply of protocol ${PROTOCOL}`)
}

async function connected(path: string): Promise<Socket | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket | undefined>()
  const socket = connect({ path, allowHalfOpen: true })
  socket.once('connect', () => resolve(socket))
  socket.on('error', (error: NodeJS.ErrnoException) => {
    // Nobody listens: there is no socket, or one of a process that died.
    if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED' || error.code === 'ENOTDIR') resolve(undefined)
    else reject(unreachable(path, error))
  })
  return promise
}

const unreachable = (path: string, cause: NodeJS.ErrnoException) =>
  new OperatorError(
    {
      needed: `to reach the running service at ${path}`,
      found: cause.message,
      remedy:
        cause.code === 'EACCES'
          ? 'run the command as the user that runs the service'
          : 'look at the log of the service, or stop it and run the command again',
    },
    { cause },
  )
