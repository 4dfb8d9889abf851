import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import type { Database } from '../../../src/storage/database.ts'

/** Something that may be nowhere, and what it is called in a failure. */
export type Canaries = Record<string, string>

/** Where a canary was found, and in which spelling. */
export type Sighting = { canary: string; spelling: string; place: string }

/** How a secret can stand in something else: as it is, and in what the usual encodings make of it. */
export function spellingsOf(secret: string): Record<string, string> {
  const bytes = Buffer.from(secret)
  return {
    raw: secret,
    hex: bytes.toString('hex'),
    'URL-encoded': encodeURIComponent(secret),
    'form-encoded': new URLSearchParams({ '': secret }).toString().slice(1),
    'in JSON': JSON.stringify(secret).slice(1, -1),
    reversed: [...secret].reverse().join(''),
    ...Object.fromEntries([0, 1, 2].map(offset => [`base64 at ${offset}`, innerBase64(bytes, offset, 'base64')])),
    ...Object.fromEntries([0, 1, 2].map(offset => [`base64url at ${offset}`, innerBase64(bytes, offset, 'base64url')])),
  }
}

// What base64 makes of the bytes wherever they begin: without the characters that their neighbours have a part in.
function innerBase64(bytes: Buffer, offset: number, encoding: 'base64' | 'base64url'): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString(encoding)
    .replace(/=+$/, '')
  return text.slice(offset === 0 ? 0 : offset + 1, -1)
}

export function sightingsIn(text: string, canaries: Canaries, place: string): Sighting[] {
  const lowered = text.toLowerCase()
  return Object.entries(canaries).flatMap(([canary, secret]) => {
    const spellings = Object.entries(spellingsOf(secret))
    const found = spellings.find(([name, spelling]) => (name === 'hex' ? lowered : text).includes(spelling))
    return found ? [{ canary, spelling: found[0], place }] : []
  })
}

/** Every row of every table of every schema but PostgreSQL's own, as text; the queue and its archive included. */
export async function rowsByTable(database: Database): Promise<Map<string, string>> {
  const { rows: tables } = await sql<{ name: string }>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname not in ('pg_catalog', 'information_schema')`.execute(database)
  const texts = new Map<string, string>()
  for (const { name } of tables) {
    const { rows } = await sql<{ row: string }>`select each::text as row from ${sql.raw(name)} as each`.execute(
      database,
    )
    texts.set(name, rows.map(({ row }) => row).join('\n'))
  }
  return texts
}

/** Every file below a folder, byte for byte. */
export function filesBelow(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  return new Map(
    files.map(entry => {
      const path = join(entry.parentPath, entry.name)
      return [path, readFileSync(path, 'latin1')]
    }),
  )
}
