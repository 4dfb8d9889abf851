import { mkdirSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MemoryFS, PGlite } from '@electric-sql/pglite'
import { openPGlite, type PostgresEvents } from './durable-pglite.ts'
import { syncDirectory } from './sync-directory.ts'
import { writeTree } from './write-tree.ts'

/**
 * Makes a new database, which is at `directory` as a whole or not at all, whatever ends the process or the power.
 *
 * It is made in memory, where that takes half as long, and written as it is once PostgreSQL has shut down.
 *
 * Its template databases are dropped: nobody makes databases here, they are two thirds of the files, and one that nobody
 * can connect to can't be vacuumed, which would stop all writes after 2^31 transactions.
 */
export async function createDatabase(directory: string, on: PostgresEvents): Promise<void> {
  const unfinished = `${directory}.new`
  await rm(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true, mode: 0o700 })
  const pglite = await openPGlite(new MemoryFS(), on)
  const files = pglite.Module.FS // PGlite lets go of it at the close
  for (const template of ['template0', 'template1']) {
    await pglite.query(`alter database ${template} with is_template false`)
    await pglite.query(`drop database ${template}`)
  }
  await pglite.close()
  await writeTree(files, PGlite.paths.PGDATA, unfinished)
  await rename(unfinished, directory)
  await syncDirectory(dirname(directory))
}
