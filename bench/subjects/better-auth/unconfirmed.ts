import { randomUUID } from 'node:crypto'
import { createEmailVerificationToken } from 'better-auth/api'
import type { Confirmation } from '../../adapters/adapter.ts'
import { type Server, seed, times } from './seeding.ts'
import { sessionTestHelpers } from './sessions.ts'

/** Saves people whose addresses are not verified, and makes the tokens that their letters would hold. */
export async function addUnconfirmed(server: Server, count: number): Promise<Confirmation[]> {
  return await seed(server, async settings => {
    const test = await sessionTestHelpers(settings)
    const confirmations = await times(count, async () => {
      const email = `${randomUUID()}@example.com`
      const { id } = await test.saveUser(test.createUser({ email, emailVerified: false }))
      const token = await createEmailVerificationToken(settings.secret, email, undefined, undefined, { userId: id })
      return { token }
    })
    await settings.pool.query('vacuum analyze')
    return confirmations
  })
}
