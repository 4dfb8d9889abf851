import type { TestHelpers } from 'better-auth/plugins'
import pg from 'pg'
import type { AuthSettings } from './auth.ts'

/** The server that runs. */
export type Server = { url: string; databaseUrl: string; secret: string }

const AT_ONCE = 8 // of the 10 connections that a pool has

/** For an instance beside that of the server, on the same database, whose helpers for tests make what a load needs. */
export async function seed<Made>(
  { url, databaseUrl, secret }: Server,
  make: (settings: AuthSettings) => Promise<Made>,
): Promise<Made> {
  const pool = new pg.Pool({ connectionString: databaseUrl })
  try {
    return await make({ pool, url, secret })
  } finally {
    await pool.end()
  }
}

/** Signs a new person in; through the server that would hash a password. @returns the header with the cookie */
export async function newSession(test: TestHelpers): Promise<string> {
  const { id } = await test.saveUser(test.createUser())
  const { headers } = await test.login({ userId: id })
  return headers.get('cookie')!
}

/** @param make is called this often, some of them at once */
export async function times<Made>(count: number, make: () => Promise<Made>): Promise<Made[]> {
  const made: Made[] = []
  while (made.length < count)
    made.push(...(await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - made.length) }, make))))
  return made
}
