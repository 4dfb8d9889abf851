import { flushCompileCache } from 'node:module'
import { setFlagsFromString } from 'node:v8'
import { parentPort, workerData } from 'node:worker_threads'
import type { PGlite } from '@electric-sql/pglite'
import {
  type FromWorker,
  type Operation,
  type Outcome,
  type Place,
  REFUSAL_FIELDS,
  type Refusal,
  type ToWorker,
  type WorkerTask,
} from './database-protocol.ts'

// The thread of PostgreSQL: it computes and syncs files without ever yielding, which would hold up everything else.

const task = workerData as WorkerTask
const port = parentPort!
const tell = (message: FromWorker) => port.postMessage(message)
// Emscripten's own file errors bear nothing but a number, WASI's.
const FILE_ERRORS: Record<number, string> = { 2: 'EACCES', 29: 'EIO', 51: 'ENOSPC', 63: 'EPERM', 69: 'EROFS' }
const subscriptions = new Map<number, () => Promise<void>>()

// V8 decides on this when it first sees the code, so PGlite is imported afterwards. The flags are the whole process's.
const no = task.optimize ? '' : 'no-'
setFlagsFromString(`--${no}wasm-tier-up`)
setFlagsFromString(`--${no}wasm-dynamic-tiering`)
// By default a function is optimized once 13 MB of its code were executed, by which the start would wait for what it
// needs but once.
setFlagsFromString('--wasm-tiering-budget=200000000') // bytes

const on = {
  log: (line: string) => tell({ kind: 'log', line }),
  end: () => process.exit(1),
}

try {
  if (task.isMissing) {
    const { createDatabase } = await import('./database-creation.ts')
    await createDatabase(task.directory, on)
  }
  const { openDurablePGlite } = await import('./durable-pglite.ts')
  serve(await openDurablePGlite(task.directory, on))
  tell({ kind: 'ready' })
  flushCompileCache() // by itself it is written at the end of the thread, which is cut short
} catch (error) {
  tell({ kind: 'failed', reason: refusalOf(error).message })
}

function serve(pglite: PGlite): void {
  let last: Promise<void> = Promise.resolve()
  port.on('message', ({ id, operation }: ToWorker) => {
    last = last
      .then(() => perform(pglite, operation))
      .then(
        outcome => tell({ kind: 'outcome', id, outcome }),
        error => tell({ kind: 'refusal', id, refusal: refusalOf(error) }),
      )
  })
}

async function perform(pglite: PGlite, operation: Operation): Promise<Outcome> {
  switch (operation.kind) {
    case 'query': {
      const { text, parameters, rowMode, place } = operation
      return inPlace(pglite, place, () => pglite.query(text, parameters, rowMode && { rowMode }))
    }
    case 'exec':
      return inPlace(pglite, operation.place, () => pglite.exec(operation.text))
    case 'listen': {
      const { channel, subscription } = operation
      const unlisten = await pglite.listen(channel, payload => tell({ kind: 'notification', subscription, payload }))
      subscriptions.set(subscription, unlisten)
      return undefined
    }
    case 'unlisten':
      await subscriptions.get(operation.subscription)?.()
      subscriptions.delete(operation.subscription)
      return undefined
    case 'close':
      return pglite.close() as Promise<undefined>
  }
}

async function inPlace<T>(pglite: PGlite, place: Place, run: () => Promise<T>): Promise<T> {
  if (place === 'first of a transaction') await pglite.exec('begin')
  try {
    return await run()
  } catch (error) {
    // pg-boss sends `begin; …; commit` as one text. Where that fails half-way, the next statement must not meet it.
    if (place === 'outside a transaction' && pglite.isInTransaction()) await pglite.exec('rollback')
    throw error
  }
}

function refusalOf(error: unknown): Refusal {
  const fields = error as Record<string, unknown>
  const message = String(fields.message || `file error ${FILE_ERRORS[Number(fields.errno)] ?? fields.errno ?? error}`)
  return {
    message,
    ...Object.fromEntries(REFUSAL_FIELDS.flatMap(name => (fields[name] ? [[name, fields[name]]] : []))),
  }
}
