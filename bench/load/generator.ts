/** Sends a load from a process of its own, so that its work is not taken for that of the service. */

import { setTimeout as pause } from 'node:timers/promises'
import { answerParent } from '../../test/measuring/helper-process.ts'
import { seededRandom } from '../../test/proof/random.ts'
import type { Confirmation, Credential, Person } from '../adapters/adapter.ts'
import { type AdapterChoice, adapterOf } from '../adapters/by-name.ts'
import { Connection } from './connection.ts'
import { runClosedLoop, runOpenLoop } from './loops.ts'
import { type Measured, Recorder } from './recorder.ts'
import { type Task, Tasks, type Work } from './work.ts'

export type Load = {
  adapter: AdapterChoice
  /** Origin. */
  url: string
  work: Work
  connections: number
  /** Requests a second, for an open loop; without it each client sends when it has its answer. */
  rate?: number
  /** At least one a connection, where the work refreshes. */
  credentials: readonly Credential[]
  people: readonly Person[]
  /** For the work that confirms, which ends early when they are used up. */
  confirmations?: readonly Confirmation[]
  /** Seconds. */
  warmUp: number
  /** Seconds. */
  duration: number
}

export type LoadResult = {
  kinds: Partial<Record<Task['kind'], Measured>>
  /** What the sessions have now. */
  credentials: readonly Credential[]
  /** Share of one core that this process took while it measured. */
  generatorCores: number
}

answerParent(runLoad)

async function runLoad(load: Load): Promise<LoadResult> {
  await using opened = new AsyncDisposableStack()
  const origin = load.url.replace('//localhost:', '//127.0.0.1:') // else each connection looks the name up
  const connections = Array.from({ length: load.connections }, () => opened.use(new Connection(origin)))
  const tasks = new Tasks({ ...load, adapter: adapterOf(load.adapter), random: seededRandom(1) })
  const from = performance.now() + load.warmUp * 1_000
  const until = from + load.duration * 1_000
  const recorder = new Recorder({ from, to: until })
  const cores = coresFrom(from)
  const loop = { connections, tasks, recorder, until }
  await (load.rate === undefined ? runClosedLoop(loop) : runOpenLoop(loop, load.rate))
  return { kinds: recorder.measured(), credentials: tasks.credentials, generatorCores: (await cores)() }
}

/** @returns tells the share of one core that this process took from then until it is asked */
async function coresFrom(from: number): Promise<() => number> {
  await pause(Math.max(0, from - performance.now()))
  const [before, began] = [process.cpuUsage(), performance.now()]
  return () => {
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000 / (performance.now() - began)
  }
}
