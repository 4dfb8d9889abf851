import { join, relative, resolve } from 'node:path'
import { OperatorError } from '../operator-error.ts'

const LONGEST = process.platform === 'linux' ? 107 : 103 // bytes of sun_path without its end; longer ones are cut off

/** The folder of the socket, which only its owner may enter: the socket is never reachable, not even while it is made. */
export const socketFolder = (dataDirectory: string): string => join(dataDirectory, 'control')

/**
 * Where the running service of a data directory is reached by commands, in the shortest spelling from here.
 * @throws OperatorError when the system has no such sockets, or the path is too long for one
 */
export function socketPath(dataDirectory: string): string {
  if (process.platform === 'win32')
    throw new OperatorError({
      needed: 'a system with Unix domain sockets that a file mode protects',
      found: 'Windows',
      remedy: 'stop the service while commands run, or set AUTH_DATABASE_URL, where they need no socket',
    })
  const path = join(socketFolder(dataDirectory), 'socket')
  const [shortest = path] = [resolve(path), relative('', path)].toSorted((a, b) => bytes(a) - bytes(b))
  if (bytes(shortest) <= LONGEST) return shortest
  throw new OperatorError({
    needed: `a data directory whose socket has a path of at most ${LONGEST} bytes`,
    found: `${shortest}, which has ${bytes(shortest)}`,
    remedy: 'set AUTH_DATA_DIR to a shorter path, such as a symbolic link to it, for the service and for commands',
  })
}

const bytes = (text: string) => Buffer.byteLength(text)
