import { get } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'

const LOOK_EVERY = 5 // milliseconds

/** A server that was just started on this machine. */
export type Starting = {
  port: number
  /** What it is asked for. */
  path: string
  isRunning(): boolean
  /** Milliseconds. */
  longest?: number | undefined
  /** When its process was started, in milliseconds of `performance.now()`. */
  began: number
}

/**
 * Asks a server all the time until it answers.
 *
 * @returns milliseconds from its start; undefined when it ends before, or takes too long
 */
export async function timeToFirstAnswer({
  port,
  path,
  isRunning,
  longest = 60_000,
  began,
}: Starting): Promise<number | undefined> {
  while (!(await isAnswered(port, path))) {
    if (!isRunning() || performance.now() > began + longest) return undefined
    await pause(LOOK_EVERY)
  }
  return performance.now() - began
}

/** Whether there is an answer; that of a server that cannot work yet is none. */
export function isAnswered(port: number, path: string): Promise<boolean> {
  return new Promise(resolve => {
    get({ host: '127.0.0.1', port, path, agent: false }, response => {
      response.resume().on('end', () => resolve(response.statusCode! < 500))
    }).on('error', () => resolve(false))
  })
}
