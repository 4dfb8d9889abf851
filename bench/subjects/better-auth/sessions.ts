import { betterAuth } from 'better-auth'
import { testUtils } from 'better-auth/plugins'
import type { Credential } from '../../adapters/adapter.ts'
import { sessionOptions } from './auth.ts'
import { newSession, type Server, seed, times } from './seeding.ts'

/** Begins sessions of as many people. @returns their cookies */
export async function openSessions(server: Server, count: number): Promise<Credential[]> {
  return await seed(server, async settings => {
    const options = sessionOptions(settings)
    const auth = betterAuth({ ...options, plugins: [...options.plugins, testUtils()] })
    const { test } = await auth.$context
    return await times(count, () => newSession(test))
  })
}
