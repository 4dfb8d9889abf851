import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type HelperProcess, startHelper } from '../measuring/helper-process.ts'
import type { Alteration } from '../support/altered-source.ts'
import { ServiceProcess } from '../support/process.ts'
import type { SignedUp } from '../support/service.ts'
import type { FloodAnswer, FloodQuestion } from './flood.ts'
import { HonestClients, type Refresh, type SignIn } from './honest-clients.ts'
import { mainThreadTime } from './main-thread.ts'
import { MemoryOf } from './memory-of.ts'

export const CLIENTS = 1_000
export const NETWORKS = 100
const REFRESH_EVERY = 1_000 // milliseconds, of each session
const SIGN_IN_EVERY = 2_000 // milliseconds

export type FloodRun = {
  /** Settings of the service. */
  settings: Record<string, string>
  alterations: Alteration[]
  /** The refresh token of each honest session. */
  tokens: string[]
  /** Who signs in now and then. */
  person: SignedUp
  /** Addresses with accounts, for the flood to guess at. */
  known: string[]
  /** Seconds of the flood. */
  duration: number
  seed: number
  progress(seconds: number): void
}

export type FloodOutcome = {
  refreshes: Refresh[]
  signIns: SignIn[]
  flood: FloodAnswer
  memory: MemoryOf
  /** Milliseconds of processor time that the main thread of the service took during the flood. */
  mainThread: number
  /** Milliseconds from the beginning of the run to that of the flood, and to its end. */
  from: number
  to: number
}

/** Lets honest clients go on before, during and after a flood of sign-ins. */
export async function runFlood(run: FloodRun): Promise<FloodOutcome> {
  const { duration, tokens, person } = run
  await using service = new ServiceProcess(run.settings, [], run.alterations)
  const port = Number(new URL(await service.started()).port)
  await using flood: HelperProcess<FloodQuestion, FloodAnswer> = startHelper(join(import.meta.dirname, 'flood.ts'))
  using clients = new HonestClients(port)
  const from = clients.now + Math.max(1, duration / 2) * 1_000
  const to = from + duration * 1_000
  const until = to + Math.max(0.5, duration / 3) * 1_000
  using memory = new MemoryOf(service.child.pid!, () => clients.now)

  const beginning = clients.now
  const honest = [
    ...tokens.map((token, index) =>
      clients.refresh(token, {
        every: REFRESH_EVERY,
        first: beginning + (index / tokens.length) * REFRESH_EVERY,
        until,
      }),
    ),
    clients.signInNowAndThen(person, { every: SIGN_IN_EVERY, until }),
  ]
  const everyone = Promise.all(honest)
  await pause(Math.max(0, from - clients.now))
  const before = mainThreadTime(service.child.pid!) ?? Number.NaN
  await flood.ask({ begin: { port, clients: CLIENTS, networks: NETWORKS, known: run.known, seed: run.seed } })
  while (clients.now < to) {
    run.progress(Math.floor((clients.now - from) / 1_000))
    await pause(Math.max(0, Math.min(1_000, to - clients.now)))
  }
  const mainThread = (mainThreadTime(service.child.pid!) ?? Number.NaN) - before
  const ending = flood.ask({ end: true })
  await everyone
  return { refreshes: clients.refreshes, signIns: clients.signIns, flood: await ending, memory, mainThread, from, to }
}
