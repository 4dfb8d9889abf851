import { mkdirSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { syncDirectory } from './sync-directory.ts'

/** What is needed of Emscripten's file system, which PGlite does not type. */
export type EmscriptenFiles = {
  readdir(path: string): string[]
  stat(path: string): { mode: number }
  isDir(mode: number): boolean
  readFile(path: string): Uint8Array
}

const AT_ONCE = 8 // files; the disk syncs several in the time of one

/**
 * Writes all files and directories below `source` into the directory `target`, which is there, and syncs them.
 *
 * @param files a file system in memory
 */
export async function writeTree(files: EmscriptenFiles, source: string, target: string): Promise<void> {
  const { directories, paths } = listTree(files, source)
  for (const path of directories) mkdirSync(join(target, path), { mode: 0o700 })
  const rest = paths.values()
  const writeRest = async () => {
    for (const path of rest) await writeFile(join(target, path), files.readFile(join(source, path)))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, writeRest))
  for (const path of ['', ...directories]) await syncDirectory(join(target, path))
}

/** Paths relative to `source`, each directory before what is in it. */
function listTree(files: EmscriptenFiles, source: string): { directories: string[]; paths: string[] } {
  const directories: string[] = []
  const paths: string[] = []
  const list = (directory: string) => {
    for (const name of files.readdir(join(source, directory))) {
      if (name === '.' || name === '..') continue
      const path = join(directory, name)
      const isDirectory = files.isDir(files.stat(join(source, path)).mode)
      ;(isDirectory ? directories : paths).push(path)
      if (isDirectory) list(path)
    }
  }
  list('')
  return { directories, paths }
}

async function writeFile(path: string, content: Uint8Array): Promise<void> {
  await using file = await open(path, 'wx', 0o600)
  await file.writeFile(content)
  await file.sync()
}
