import { join } from 'node:path'
import { v7 as uuidv7 } from 'uuid'
import { VERSION } from '../../../src/version.ts'
import { refreshTokens } from '../../../test/measuring/known-keys.ts'
import { START_FLAGS } from '../../../test/support/start-flags.ts'
import { startServer } from '../server-process.ts'
import type { Subject } from '../subject.ts'

/** What refreshes could reach if a database took no time at all. */
export const ceiling: Subject = {
  name: 'ceiling',
  adapter: { name: 'ceiling' },
  version: () => VERSION,
  setUp:
    'The HTTP server, the parser of forms, the check of the refresh token and the signature of this service, and no ' +
    'database: it believes every genuine token and forgets it.',
  async start() {
    const file = join(import.meta.dirname, 'server.ts')
    const server = await startServer({ file, nodeFlags: START_FLAGS, environment: {}, firstPath: '/' })
    return {
      ...server,
      addPeople: () => Promise.reject(new Error('Nobody signs in at the ceiling')),
      openSessions: async count => Array.from({ length: count }, () => newToken()),
    }
  },
}

const newToken = () => refreshTokens.make({ sessionId: uuidv7(), generation: 1 })
