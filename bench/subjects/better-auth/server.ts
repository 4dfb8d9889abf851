/** The process of better-auth, which listens at `PORT`. */

import { createServer } from 'node:http'
import { getMigrations } from 'better-auth/db/migration'
import { toNodeHandler } from 'better-auth/node'
import pg from 'pg'
import { createOAuthAuth, createSessionAuth } from './auth.ts'

const { PORT, DATABASE_URL, BETTER_AUTH_SECRET, AS } = process.env

const create = AS === 'oauth-provider' ? createOAuthAuth : createSessionAuth
const auth = create({
  pool: new pg.Pool({ connectionString: DATABASE_URL }),
  url: `http://127.0.0.1:${PORT}`,
  secret: BETTER_AUTH_SECRET!,
})
const { runMigrations } = await getMigrations(auth.options)
await runMigrations()
await auth.api.getJwks() // makes the signing key, of which requests at the same time would make one each
createServer(toNodeHandler(auth)).listen(Number(PORT), '127.0.0.1')
