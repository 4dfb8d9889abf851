/** The process of oidc-provider, which listens at `PORT`. */

import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import pg from 'pg'
import { createProvider } from './provider.ts'

const { PORT, DATABASE_URL } = process.env

const pool = new pg.Pool({ connectionString: DATABASE_URL })
await pool.query(await readFile(join(import.meta.dirname, 'schema.sql'), 'utf8'))
const provider = createProvider(`http://127.0.0.1:${PORT}`, pool)
createServer(provider.callback()).listen(Number(PORT), '127.0.0.1')
