import { getCompileCacheDir } from 'node:module'
import { dirname, extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Logger } from 'pino'
import type { FromWorker, WorkerTask } from './database-protocol.ts'

/**
 * Starts the worker thread on a database.
 *
 * @returns the thread, once it is ready to serve it
 * @throws Error with PostgreSQL's own words, where it has some, on why it could not
 */
export async function startDatabaseThread(task: WorkerTask, logger: Logger): Promise<Worker> {
  // The same ending as this file: the published package holds .js files.
  const file = new URL(`./database-worker${extname(import.meta.filename)}`, import.meta.url)
  const worker = new Worker(file, {
    name: 'database',
    workerData: task,
    env: cacheOfCompiledCode(), // nothing else of the environment concerns it
    execArgv: [], // not those of the process: a worker refuses some of them
    // With 4, the default, deep nesting crashes before PostgreSQL's limit refuses it, and with 16 once V8 has optimized code.
    resourceLimits: { stackSizeMb: 64 },
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const faults: string[] = []
  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'ready') resolve()
    if (message.kind === 'failed') reject(new Error(faults.join('; ') || message.reason))
    if (message.kind === 'log') faults.push(...report(message.line, logger))
  })
  worker.once('error', reject)
  worker.once('exit', () => reject(new Error(faults.join('; ') || 'its thread ended')))
  try {
    await promise
    return worker
  } catch (error) {
    await worker.terminate()
    throw error
  }
}

/** A thread has no cache of compiled code but the one that its environment names, by the folder above. */
function cacheOfCompiledCode(): { NODE_COMPILE_CACHE?: string } {
  const directory = getCompileCacheDir()
  return directory ? { NODE_COMPILE_CACHE: dirname(directory) } : {}
}

/** Logs a line of PostgreSQL's log, and returns what it says when it tells of the end. */
function report(line: string, logger: Logger): string[] {
  const [, severity, text = line] = /^.{0,40}\[\d+\] ([A-Z]+): +(.*)$/s.exec(line) ?? []
  const isFault = severity === 'FATAL' || severity === 'PANIC'
  logger[isFault ? 'error' : 'debug']({ severity, text }, 'PostgreSQL log')
  return isFault || severity === 'DETAIL' ? [text] : []
}
