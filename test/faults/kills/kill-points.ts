import { setTimeout as pause } from 'node:timers/promises'
import type { Alteration } from '../../support/altered-source.ts'
import type { Running } from '../history/stage.ts'

/** A line of the service before which it can be made to die. */
export type KillPoint = { name: string; file: string; line: string }

export const KILL_POINTS: KillPoint[] = [
  {
    name: 'after the account is inserted',
    file: 'accounts/create-account.ts',
    line: 'await needs.queue.send(transaction, accountCreated',
  },
  { name: 'before the commit', file: 'accounts/create-account.ts', line: 'return created\n' },
  { name: 'after the commit', file: 'accounts/create-account.ts', line: 'return { id: account.id, email' },
  {
    name: 'before the answer to a sign-up',
    file: 'accounts/routes.ts',
    line: 'return reply.code(201).send({\n        id: account.id',
  },
  {
    name: 'before the commit that takes messages',
    file: 'storage/queue-consumer.ts',
    line: 'return jobs.length === 0 ? []',
  },
  { name: 'after a worker got a message', file: 'storage/queue.ts', line: 'await work(job.data' },
  {
    name: 'after the mail server took a letter',
    file: 'confirmation/letters/deliver-letter.ts',
    line: 'return await sentLetters.add({ id, message })',
  },
  {
    name: 'after letters are recorded as sent, before the commit that completes their messages',
    file: 'storage/queue.ts',
    line: 'for (const [name, jobs] of Map.groupBy',
  },
  {
    name: 'after that commit',
    file: 'storage/queue.ts',
    line: 'for (const message of messages) completed.add',
  },
  { name: 'after a refresh token is traded in', file: 'sessions/rotate.ts', line: 'return rows\n' },
  {
    name: 'before the answer to an exchange',
    file: 'sessions/routes.ts',
    line: 'return {\n        access_token:',
  },
]

/** Makes the service die there, as by a power cut. @param pass which time it gets there; the first is 1 */
export function dyingAt({ file, line }: Pick<KillPoint, 'file' | 'line'>, pass: number): Alteration {
  const counted = '(globalThis.passes = (globalThis.passes ?? 0) + 1)'
  return { file, find: line, replace: `if (${counted} === ${pass}) process.kill(process.pid, 'SIGKILL')\n${line}` }
}

const LONGEST_LIFE = 60_000 // milliseconds

/** Waits until a service has died; stops one that does not get to where it would. */
export async function ownDeath({ process }: Running): Promise<void> {
  const dead = process.ended().then(() => true)
  if (!(await Promise.race([dead, pause(LONGEST_LIFE, false, { ref: false })]))) await process.kill('SIGTERM')
}
