import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')

/** Changes with the migrations and with the libraries that make a database. */
export function migrationsHash(): string {
  const hash = createHash('sha256').update(readFileSync(join(ROOT, 'package-lock.json')))
  const directory = join(ROOT, 'migrations')
  for (const name of readdirSync(directory).sort()) hash.update(readFileSync(join(directory, name)))
  return hash.digest('hex').slice(0, 12)
}
