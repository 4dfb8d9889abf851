import { setTimeout as pause } from 'node:timers/promises'
import type { Alteration } from '../../support/altered-source.ts'
import { actThrough, type Client, type Life, type Regular } from './clients.ts'
import { LONGEST_WAIT, type Running, type Stage } from './stage.ts'

export type Death = {
  /** Whether it was killed; otherwise it ended by itself. */
  wasKilled: boolean
  /** Milliseconds from the call of the program to where it answers. */
  startedWithin: number
  /** What it printed. */
  output: string
}

/** Lets each regular go on where it was, until it has exchanged twice more. */
export async function exchangesGoOn(regulars: readonly Regular[], { url }: Pick<Running, 'url'>): Promise<void> {
  const deadline = Date.now() + LONGEST_WAIT
  const goOn = async (regular: Regular) => {
    for (const goal = regular.exchanges + 2; regular.exchanges < goal; ) {
      if (Date.now() > deadline) throw new Error(`A client could not exchange tokens for ${LONGEST_WAIT / 1_000} s`)
      if (!(await regular.act(url))) await pause(20)
    }
  }
  await Promise.all(regulars.map(goOn))
}

/** A kill so many milliseconds after the first answer, in the middle of the work however slow the machine is. */
export function killAfter(delay: number) {
  return async ({ process }: Running, answered: Promise<void>): Promise<void> => {
    await answered
    await pause(delay)
    await process.kill()
  }
}

/**
 * Starts the service and lets the clients act until it is dead.
 * @param kill sees to that; `answered` resolves when a client has got its first answer, or the service has ended
 */
export async function liveOnce(
  stage: Pick<Stage, 'start'>,
  clients: readonly Client[],
  {
    kill,
    alterations,
  }: { kill(running: Running, answered: Promise<void>): Promise<unknown>; alterations?: Alteration[] },
): Promise<Death> {
  const began = performance.now()
  const running = await stage.start(alterations)
  const startedWithin = performance.now() - began
  const life: Life = { url: running.url, isOver: false }
  const answered = Promise.withResolvers<void>()
  void running.process.ended().then(() => answered.resolve())
  const acting = actThrough(life, clients, answered.resolve)
  try {
    await kill(running, answered.promise)
  } finally {
    life.isOver = true
    await acting
  }
  const { signal, stdout, stderr } = await running.process.ended()
  return { wasKilled: signal === 'SIGKILL', startedWithin, output: stdout + stderr }
}
