import { OperatorError } from '../operator-error.ts'

/** What a command has of the process. */
export type Streams = { stdin: NodeJS.ReadStream; stdout: NodeJS.WriteStream; stderr: NodeJS.WriteStream }

/** What commands are given besides their arguments. */
export type CommandLine = {
  /** Runs the service until it is told to stop. */
  serve(): Promise<void>
  streams: Streams
}

/**
 * Exit codes; they are part of the interface. `audit enumeration` has its own.
 *
 * A command that changes something which was so already, such as disabling a disabled account, has done its work.
 */
export const EXIT = { done: 0, failed: 1, wrongUsage: 2, notFound: 3 } as const

/** Arguments or options that a command does not take. */
export class WrongUsage extends OperatorError {
  override name = 'WrongUsage'
}
