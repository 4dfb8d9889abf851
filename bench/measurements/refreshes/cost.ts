import type { DatabaseMeter } from '../../meters/database.ts'
import { ProcessorMeter, processTree } from '../../meters/processor.ts'
import type { Sample } from './found.ts'

/** What each refresh took, given how many there were. */
type Cost = (count: number) => Promise<Pick<Sample, 'service' | 'database' | 'wal' | 'commits'>>

/** Watches a service and its database from now on; nothing is known of those that run elsewhere. */
export async function beginCost(pid: number | undefined, database: DatabaseMeter | undefined): Promise<Cost> {
  if (pid === undefined || !database) return async () => ({})
  const service = new ProcessorMeter(() => processTree(pid))
  service.begin()
  await database.begin()
  return async count => {
    const taken = service.taken()
    const { wal, commits, processor } = await database.written()
    return {
      service: (taken * 1_000) / count,
      database: (processor * 1_000) / count,
      wal: wal / count,
      commits: commits / count,
    }
  }
}
