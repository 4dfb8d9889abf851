import type { DatabaseMeter } from '../meters/database.ts'
import { ProcessorMeter, processTree } from '../meters/processor.ts'

/** What one refresh takes; nothing is known of services that run elsewhere. */
export type Cost = {
  /** Microseconds of processor time of the service's process. */
  service?: number
  /** Microseconds of processor time of all processes of PostgreSQL. */
  database?: number
  /** Bytes of PostgreSQL's write-ahead log. */
  wal?: number
  commits?: number
}

/** Watches a service and its database from now on, and tells what each of so many refreshes took. */
export async function beginCost(
  pid: number | undefined,
  database: DatabaseMeter | undefined,
): Promise<(count: number) => Promise<Cost>> {
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
