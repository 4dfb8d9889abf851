import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** A change of the service for one process: what is found in a file of src, and what stands there instead. */
export type Alteration = {
  /** The file's path from src, such as `sessions/rotate.ts`. */
  file: string
  /** Text that stands in the file exactly once. */
  find: string
  /** TypeScript that can be stripped of its types. */
  replace: string
}

export const ALTERATIONS = 'AUTH_TEST_ALTERATIONS'
const SOURCE = join(import.meta.dirname, '../../src')
const PRELOAD = join(import.meta.dirname, 'alter-source.ts')

/**
 * What a process needs to run the service with alterations, which is how it is broken on purpose and killed at a
 * certain line: no such switch is part of the service.
 *
 * @throws when an alteration does not fit its file, which has changed since it was written
 */
export function alteredSource(alterations: Alteration[]): { env: Record<string, string>; execArgv: string[] } {
  if (alterations.length === 0) return { env: {}, execArgv: [] }
  const texts = new Map<string, string>()
  for (const { file, find, replace } of alterations) {
    const text = texts.get(file) ?? readFileSync(join(SOURCE, file), 'utf8')
    const count = text.split(find).length - 1
    if (count !== 1)
      throw new Error(`An alteration needs its text to stand once in src/${file}. Found ${count} times:\n${find}`)
    texts.set(
      file,
      text.replace(find, () => replace),
    )
  }
  const altered = [...texts].map(([file, text]) => [pathToFileURL(join(SOURCE, file)).href, text])
  return { env: { [ALTERATIONS]: JSON.stringify(altered) }, execArgv: ['--import', PRELOAD] }
}
