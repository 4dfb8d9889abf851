import { readdir, readFile } from 'node:fs/promises'
import { getPriority, setPriority } from 'node:os'

const LOWER = 5 // about a third of the processor, where others want all of it
const LOWEST = 19
const THREADS = '/proc/self/task'

/**
 * Lets password hashing give way to all else that wants the processor. A hash computes for milliseconds without a pause,
 * and a refresh, which wants a little of the processor many times, would wait for it many times.
 *
 * Only Linux has a priority for each thread. The threads are those of libuv's pool, which also does files and name
 * look-ups; no request waits for these. Where it cannot be done, hashing is as important as anything else.
 */
export async function lowerHashingPriority(): Promise<void> {
  if (process.platform !== 'linux') return
  const priority = Math.min(getPriority() + LOWER, LOWEST) // below the process, which may have a low one itself
  try {
    // Reading the folder is work for the pool, so its threads are there afterwards.
    for (const thread of await readdir(THREADS))
      if ((await readFile(`${THREADS}/${thread}/comm`, 'utf8')).startsWith('libuv-worker'))
        setPriority(Number(thread), priority)
  } catch {
    // /proc may be missing or closed
  }
}
