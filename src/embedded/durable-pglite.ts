import { fdatasyncSync } from 'node:fs'
import { PGlite, type PGliteOptions } from '@electric-sql/pglite'
import { NodeFS } from '@electric-sql/pglite/nodefs'

const POSTGRES_SETTINGS = {
  shared_buffers: '16MB', // of 128MB, the default, all is touched in time
  max_wal_size: '64MB',
  wal_sync_method: 'fsync', // the default, fdatasync, is a call that Emscripten answers without doing anything
  log_min_messages: 'log', // leaves out refused statements, which their caller hears of
  log_min_error_statement: 'panic', // statements may hold what belongs in no log
}

/** With this status PostgreSQL leaves its loop after an ordinary error, and goes on. */
const ORDINARY_ERROR = 100 // POSTGRES_MAIN_LONGJMP in PGlite

export type PostgresEvents = {
  /** Receives PostgreSQL's own log, line by line. */
  log: (line: string) => void
  /** Is called when PostgreSQL stops itself (PANIC, FATAL) or crashes; it has to end this thread. */
  end: () => never
}

/**
 * Opens PostgreSQL over `directory`, in this thread, with durable commits: PGlite by itself starts it with `-F`, fsync
 * off.
 *
 * @param directory is made into a database when it has no PG_VERSION, whatever else lies there
 */
export function openDurablePGlite(directory: string, on: PostgresEvents): Promise<PGlite> {
  return openPGlite(new DurableFiles(directory), on)
}

/** Opens PostgreSQL over any files, in this thread. It makes a database there when there is none. */
export async function openPGlite(fs: NonNullable<PGliteOptions['fs']>, on: PostgresEvents): Promise<PGlite> {
  const pglite = await PGlite.create({
    fs,
    startParams: [
      ...PGlite.defaultStartParams.filter(parameter => parameter !== '-F'),
      ...Object.entries(POSTGRES_SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    initDbStartParams: ['--wal-segsize=1'], // megabytes; a new database has 16 of them empty otherwise
    onStderr: line => {
      on.log(line)
      return false
    },
  })
  endWithPostgres(pglite.Module, on.end)
  return pglite
}

/** PGlite takes any exception of PostgreSQL's loop for an ordinary error and calls it again, after its end for ever. */
function endWithPostgres(module: PGlite['Module'], end: () => never): void {
  const loop = module._PostgresMainLoopOnce
  module._PostgresMainLoopOnce = () => {
    try {
      loop()
    } catch (error) {
      if ((error as { status?: number }).status !== ORDINARY_ERROR) end()
      throw error
    }
  }
}

type InitArguments = Parameters<NodeFS['init']>
type InitResult = Awaited<ReturnType<NodeFS['init']>>

/** What this file needs of the Emscripten module, which PGlite does not type. */
type ModuleWithNodeFiles = { NODEFS: { stream_ops: { fsync?: (stream: { nfd: number }) => number } } }

/**
 * PGlite's files on disk, with the fsync that Emscripten's NODEFS leaves out: there, a sync that PostgreSQL asks for is
 * answered with success and does nothing.
 *
 * Directories come here too, each with a descriptor of its own. `fdatasync` suffices: what it leaves out is times. When
 * it fails it throws, and PostgreSQL stops: after a failed sync nobody knows which pages are on disk.
 */
class DurableFiles extends NodeFS {
  override async init(pglite: InitArguments[0], options: InitArguments[1]): Promise<InitResult> {
    const { emscriptenOpts } = await super.init(pglite, options)
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), giveFsyncBack] } }
  }
}

function giveFsyncBack(module: unknown): void {
  ;(module as ModuleWithNodeFiles).NODEFS.stream_ops.fsync = stream => {
    fdatasyncSync(stream.nfd)
    return 0
  }
}
