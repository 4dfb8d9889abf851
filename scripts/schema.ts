// Writes schema.sql from the migrations: npm run schema
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { embeddedDatabase } from '../src/storage/database.ts'
import { describeSchema } from '../src/storage/describe-schema.ts'
import { migrate } from '../src/storage/migrate.ts'

const pglite = await PGlite.create()
const database = embeddedDatabase(pglite)
await migrate(database)
await writeFile(join(import.meta.dirname, '../schema.sql'), await describeSchema(database))
await pglite.close()
process.exitCode = 0 // PGlite sets its own
