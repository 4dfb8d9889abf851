import { cpSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { openEmbeddedDatabase } from '../../src/embedded/database.ts'

export type EmbeddedCopies = AsyncDisposable & {
  /** Where they lie. */
  folder: string
  /** The directory of a database of the test's own, closed; making one anew takes twenty times as long. */
  copy(): string
}

/** @param schema what is in the databases */
export async function embeddedCopies(schema: string): Promise<EmbeddedCopies> {
  const folder = await mkdtemp(join(tmpdir(), 'auth-test-embedded-'))
  const template = join(folder, 'template')
  const database = await openEmbeddedDatabase({ directory: template, logger: pino({ level: 'silent' }) })
  await database.pglite.exec(schema)
  await database.close()
  let number = 0
  return {
    folder,
    copy() {
      const directory = join(folder, String(++number))
      cpSync(template, directory, { recursive: true })
      return directory
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}
