import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startServer } from '../server-process.ts'
import type { Place, Running, Subject } from '../subject.ts'
import { openGrants } from './grants.ts'

/** Rotating refresh tokens of oidc-provider, kept in PostgreSQL. */
export const oidcProvider: Subject = {
  name: 'oidc-provider',
  adapter: { name: 'oidc-provider' },
  version: () => JSON.parse(readFileSync(PACKAGE, 'utf8')).version,
  setUp:
    'On `node:http`, with `rotateRefreshToken`, JWTs as access tokens by its resource indicators, ES256, a public ' +
    'client from its configuration and an adapter for PostgreSQL in the form of its contributed ones: one table, ' +
    'prepared statements, the 10 connections that a pool of `pg` has. Accounts are not looked up. No `openid`, so ' +
    'that an answer has one JWT to sign.',
  start,
}

const PACKAGE = join(import.meta.dirname, '../../node_modules/oidc-provider/package.json')

async function start({ databaseUrl }: Place): Promise<Running> {
  const running = await startServer({
    file: join(import.meta.dirname, 'server.ts'),
    environment: { DATABASE_URL: databaseUrl },
    firstPath: '/.well-known/openid-configuration',
  })
  return {
    ...running,
    addPeople: () => Promise.reject(new Error('oidc-provider has no people of its own')),
    openSessions: count => openGrants({ url: running.url, databaseUrl }, count),
  }
}
