import type { Worker } from 'node:worker_threads'
import type { Logger } from 'pino'
import { DatabaseClient } from './database-client.ts'
import { isDatabaseMissing, uncreatable, unopenable } from './database-directory.ts'
import { DatabaseMaintenance } from './database-maintenance.ts'
import { startDatabaseThread } from './database-thread.ts'

export type EmbeddedDatabaseOptions = {
  /** Where the database lies; it is made when it is missing. Lock it first: nothing here keeps another process out. */
  directory: string
  logger: Logger
  /** Called once when the database stops by itself, such as on a full disk; every query is refused from then on. */
  onFailure?: (error: Error) => void
  /** Whether PostgreSQL's code may be compiled a second time to run faster; by default where there is memory for it. */
  optimize?: boolean
}

export type EmbeddedDatabase = AsyncDisposable & {
  /** For Kysely's PGlite dialect and pg-boss's `fromPglite`. */
  pglite: DatabaseClient
  /** Vacuums and checkpoints what is due, which otherwise happens every 10 seconds while the database is in use. */
  maintain(): Promise<void>
  /** Finishes what was asked so far and closes. To call it again does nothing. */
  close(): Promise<void>
}

/**
 * What V8 may need for a moment to optimize PostgreSQL: 600 MB go into its largest function alone (ExecInterpExpr). Half
 * of the speed of large statements is not worth being killed for.
 */
const MEMORY_TO_OPTIMIZE = 1.5 * 1024 ** 3 // bytes

/**
 * Opens PostgreSQL as PGlite, in a thread of its own, with durable commits.
 *
 * @throws OperatorError when the directory can't be made into a database, or holds a damaged one or one of another
 *   version of PostgreSQL
 */
export async function openEmbeddedDatabase(options: EmbeddedDatabaseOptions): Promise<EmbeddedDatabase> {
  const { directory, logger, onFailure, optimize = process.availableMemory() > MEMORY_TO_OPTIMIZE } = options
  const worker = await startThread(directory, optimize, logger)
  const pglite = new DatabaseClient(worker, error => {
    logger.fatal({ err: error }, 'the embedded database has stopped')
    onFailure?.(error)
  })
  const maintenance = new DatabaseMaintenance(pglite, logger)
  const close = async () => {
    await maintenance.stop()
    await pglite.close()
  }
  return { pglite, maintain: () => maintenance.run(), close, [Symbol.asyncDispose]: close }
}

async function startThread(directory: string, optimize: boolean, logger: Logger): Promise<Worker> {
  const isMissing = isDatabaseMissing(directory)
  try {
    return await startDatabaseThread({ directory, isMissing, optimize }, logger)
  } catch (error) {
    const couldNotBeMade = isMissing && isDatabaseMissing(directory)
    throw (couldNotBeMade ? uncreatable : unopenable)(directory, (error as Error).message)
  }
}
