import { SharedReading } from './shared-reading.ts'

type MailState = 'ok' | 'degraded' | 'unknown'

const LATE = 5 * 60 // seconds

/**
 * How the sending of emails is: as the mail server was met last, but degraded when emails leave late.
 * @param longestWait seconds that the message of an email has been due which waits longest. Emails that the limits hold
 *   have none, and those that wait to be tried again are not due.
 */
export function mailState(health: () => MailState, longestWait: () => Promise<number>): () => Promise<MailState> {
  const reading = new SharedReading(longestWait)
  return async () => (((await reading.value()) ?? 0) > LATE ? 'degraded' : health())
}
