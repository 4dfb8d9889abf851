import { join } from 'node:path'
import { startHelper } from '../../test/measuring/helper-process.ts'
import type { Load, LoadResult } from './generator.ts'

/** Sends a load from a process of its own. @throws when an answer is not what it should be */
export async function sendLoad(load: Load): Promise<LoadResult> {
  await using generator = startHelper<Load, LoadResult>(join(import.meta.dirname, 'generator.ts'))
  return await generator.ask(load)
}
