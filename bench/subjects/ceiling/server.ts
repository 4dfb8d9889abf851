/** The process of the ceiling, which listens at `PORT`. */

import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { createLocalJWKSet } from 'jose'
import { HeldRefusals } from '../../../src/http/held-refusals.ts'
import { createHttpServer } from '../../../src/http/server.ts'
import { createLogger } from '../../../src/log.ts'
import { createMetrics } from '../../../src/metrics.ts'
import { MissedDeadlines } from '../../../src/missed-deadlines.ts'
import { KeyRing } from '../../../src/secrets/key-ring.ts'
import { RefreshTokens } from '../../../src/sessions/refresh-token.ts'
import { sessionRoutes } from '../../../src/sessions/routes.ts'
import type { Sessions } from '../../../src/sessions/sessions.ts'
import { AccessTokens } from '../../../src/tokens/access-token.ts'
import { SECRET_KEY } from '../../../test/support/service.ts'

const ACCOUNT = randomUUID()
const AUTHENTICATED = new Date()
const TTL = 300 // seconds

const port = Number(process.env.PORT)
const origin = `http://127.0.0.1:${port}`
const metrics = createMetrics(new MissedDeadlines(), () => 0)
const heldRefusals = new HeldRefusals()
const server = createHttpServer({
  logger: createLogger('error', process.stdout),
  trustedProxies: [],
  isHttps: false,
  problems: {},
  isUnavailable: () => false,
  heldRefusals,
  closedConnections: metrics.closedConnections,
  onAnswer: ({ seconds, ...labels }) => metrics.requests.observe({ ...labels, status: String(labels.status) }, seconds),
})
const needs = {
  sessions: sessionsWithoutDatabase(),
  clientId: 'default',
  malformedTokens: { count: () => {} },
  isUnavailable: () => false,
  heldRefusals,
}
await server.register(async scope => sessionRoutes(scope, needs))
await server.listen({ host: '127.0.0.1', port })
process.on('SIGTERM', () => process.exit())

/** Opens the token, signs an access token and makes the successor, and asks nobody whether the session is there. */
function sessionsWithoutDatabase(): Pick<Sessions, 'exchange' | 'revoke'> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const current = { id: 'ceiling', algorithm: 'ES256', privateKey } as const
  const refreshTokens = new RefreshTokens(KeyRing.parse(SECRET_KEY).for('refresh-token'))
  const accessTokens = new AccessTokens({
    keys: { current, algorithms: ['ES256'], verification: createLocalJWKSet({ keys: [] }) },
    issuer: () => origin,
    audience: () => origin,
    clientId: 'default',
    ttl: TTL,
    now: Date.now,
  })
  return {
    async exchange(refreshToken) {
      const content = await refreshTokens.open(refreshToken)
      if (!content) return { refused: 'malformed' }
      const { sessionId, generation } = content
      const subject = { accountId: ACCOUNT, sessionId, authenticatedAt: AUTHENTICATED, amr: ['pwd'] }
      return {
        accessToken: accessTokens.issue(subject),
        expiresIn: TTL,
        refreshToken: refreshTokens.make({ sessionId, generation: generation + 1 }),
        sessionId,
      }
    },
    revoke: async () => true,
  }
}
