import { setTimeout as pause } from 'node:timers/promises'
import type { Alteration } from '../../support/altered-source.ts'
import { actThrough, type Client, type Life, type Regular } from './clients.ts'
import type { Running, Stage } from './stage.ts'

export type Death = {
  /** Whether it was killed; otherwise it ended by itself. */
  wasKilled: boolean
  /** Milliseconds from the call of the program to where it answers. */
  startedWithin: number
  /** What it printed. */
  output: string
}

/** Milliseconds; a letter that was interrupted comes after some 17 s, and somebody may wait for it. */
const LONGEST_WAIT = 90_000

/** Lets regulars go on where they were, until each has exchanged twice more. */
export async function exchangesGoOn(regulars: readonly Regular[], { url }: Running): Promise<void> {
  const life: Life = { url, isOver: false }
  const acting = actThrough(life, regulars)
  const goals = regulars.map(regular => [regular, regular.exchanges + 2] as const)
  for (
    const deadline = Date.now() + LONGEST_WAIT;
    goals.some(([{ exchanges }, goal]) => exchanges < goal);
    await pause(20)
  )
    if (Date.now() > deadline)
      throw new Error(`Somebody could not exchange a refresh token for ${LONGEST_WAIT / 1_000} s`)
  life.isOver = true
  await acting
}

/** Starts the service and lets the clients act until it is dead. @param kill sees to that */
export async function liveOnce(
  stage: Pick<Stage, 'start'>,
  clients: readonly Client[],
  { kill, alterations }: { kill(running: Running): Promise<unknown>; alterations?: Alteration[] },
): Promise<Death> {
  const began = performance.now()
  const running = await stage.start(alterations)
  const startedWithin = performance.now() - began
  const life: Life = { url: running.url, isOver: false }
  const acting = actThrough(life, clients)
  try {
    await kill(running)
  } finally {
    life.isOver = true
    await acting
  }
  const { signal, stdout, stderr } = await running.process.ended()
  return { wasKilled: signal === 'SIGKILL', startedWithin, output: stdout + stderr }
}
