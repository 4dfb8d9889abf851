import { betterAuth } from 'better-auth'
import { type TestHelpers, testUtils } from 'better-auth/plugins'
import type { Credential } from '../../adapters/adapter.ts'
import { type AuthSettings, sessionOptions } from './auth.ts'
import { newSession, type Server, seed, times } from './seeding.ts'

/** Begins sessions of as many people. @returns their cookies */
export async function openSessions(server: Server, count: number): Promise<Credential[]> {
  return await seed(server, async settings => {
    const test = await sessionTestHelpers(settings)
    return await times(count, () => newSession(test))
  })
}

/** What better-auth brings for tests, on an instance that has what the server of sessions has. */
export async function sessionTestHelpers(settings: AuthSettings): Promise<TestHelpers> {
  const options = sessionOptions(settings)
  const auth = betterAuth({ ...options, plugins: [...options.plugins, testUtils()] })
  return (await auth.$context).test
}
