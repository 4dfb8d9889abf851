import type { Credential } from '../adapters/adapter.ts'
import type { Measured } from '../load/recorder.ts'
import { sendLoad } from '../load/send-load.ts'
import type { DatabaseMeter } from '../meters/database.ts'
import { ProcessorMeter, processTree } from '../meters/processor.ts'
import type { Started } from './in-turn.ts'

/** What one refresh takes; what is undefined could not be looked at. */
export type Cost = {
  /** Microseconds of processor time of the service's process. */
  service?: number
  /** Microseconds of processor time of all processes of PostgreSQL. */
  database?: number
  /** Bytes of PostgreSQL's write-ahead log. */
  wal?: number
  commits?: number
}

export type RefreshLoad = {
  connections: number
  credentials: readonly Credential[]
  /** Seconds. */
  warmUp: number
  duration: number
}

export type MeasuredRefreshes = {
  measured: Measured & Cost
  /** What the sessions have now. */
  successors: readonly Credential[]
  /** Share of one core that the load generator took. */
  generatorCores: number
}

/** Has clients refresh as fast as they are answered, and tells what that took after the warm-up. */
export async function measureRefreshes(
  { subject, running, database }: Started,
  { connections, credentials, warmUp, duration }: RefreshLoad,
): Promise<MeasuredRefreshes> {
  const work = { kind: 'refresh' as const }
  const load = { adapter: subject.adapter, url: running.url, work, connections, people: [], warmUp: 0 }
  const warm = warmUp > 0 ? await sendLoad({ ...load, credentials, duration: warmUp }) : { credentials }
  running.keepSessions?.(warm.credentials)
  const cost = await beginCost(running.pid, database)
  const result = await sendLoad({ ...load, credentials: warm.credentials, duration })
  running.keepSessions?.(result.credentials)
  const measured = result.kinds.refresh
  if (!measured) throw new Error(`${subject.name} answered no refresh in ${duration} s of ${connections} clients`)
  return {
    measured: { ...measured, ...(await cost(measured.count)) },
    successors: result.credentials,
    generatorCores: result.generatorCores,
  }
}

/** Watches a service and its database from now on, and tells what each of so many refreshes took. */
async function beginCost(
  pid: number | undefined,
  database: DatabaseMeter | undefined,
): Promise<(count: number) => Promise<Cost>> {
  const service = pid === undefined ? undefined : new ProcessorMeter(() => processTree(pid))
  service?.begin()
  await database?.begin()
  return async count => {
    const taken = service?.taken()
    const written = await database?.written()
    return {
      ...(taken !== undefined && { service: (taken * 1_000) / count }),
      ...(written && {
        database: (written.processor * 1_000) / count,
        wal: written.wal / count,
        commits: written.commits / count,
      }),
    }
  }
}
