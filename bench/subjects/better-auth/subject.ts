import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { betterAuthSession as sessionAdapter } from '../../adapters/better-auth.ts'
import { startServer } from '../server-process.ts'
import { signUpPeople } from '../sign-up-people.ts'
import type { Place, Subject } from '../subject.ts'
import { openGrants, registerClient } from './grants.ts'
import { openSessions } from './sessions.ts'
import { addUnconfirmed } from './unconfirmed.ts'

const SET_UP =
  'On `node:http`, with its own pool for PostgreSQL and its migrations, `advanced.database.joins` on, as its ' +
  'documentation advises, and ES256 as the algorithm. Its limits by network are off. It sends no letter at a sign-up. '

/** Sessions by cookie, exchanged for JWTs: the ordinary way to use better-auth. */
export const betterAuthSession: Subject = {
  name: 'better-auth, session to JWT',
  adapter: { name: 'better-auth-session' },
  version: () => versionOf('better-auth'),
  setUp: `${SET_UP}The cache of sessions in a cookie is off, its default: with it a revoked session still gets JWTs.`,
  async start(place) {
    const { server, running } = await start(place, 'session')
    return {
      ...running,
      addUnconfirmed: count => addUnconfirmed(server, count),
      openSessions: count => openSessions(server, count),
    }
  },
}

/** Rotating refresh tokens, as its OAuth server has them. */
export const betterAuthOAuth: Subject = {
  name: 'better-auth, refresh grant',
  adapter: { name: 'better-auth-oauth' },
  version: () => `${versionOf('@better-auth/oauth-provider')} on better-auth ${versionOf('better-auth')}`,
  setUp:
    `${SET_UP}A public client, held in memory like the resource that the access token is for; ` +
    'no `openid`, so that an answer has one JWT to sign. No tolerance for reuse, its default.',
  async start(place) {
    const { server, running } = await start(place, 'oauth-provider')
    await using started = new AsyncDisposableStack()
    started.use(running)
    await registerClient(server)
    started.move() // from now on, it is the caller's
    return { ...running, openSessions: count => openGrants(server, count) }
  },
}

async function start({ databaseUrl }: Place, as: 'session' | 'oauth-provider') {
  const secret = randomBytes(32).toString('base64')
  const environment = { DATABASE_URL: databaseUrl, BETTER_AUTH_SECRET: secret, AS: as }
  const running = await startServer({
    file: join(import.meta.dirname, 'server.ts'),
    environment,
    firstPath: '/api/auth/ok',
  })
  const server = { url: running.url, databaseUrl, secret }
  return {
    server,
    running: { ...running, addPeople: (count: number) => signUpPeople(sessionAdapter(), running.url, count) },
  }
}

function versionOf(name: string): string {
  const file = join(import.meta.dirname, '../../node_modules', name, 'package.json')
  return JSON.parse(readFileSync(file, 'utf8')).version
}
