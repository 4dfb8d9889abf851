import { DeviceLinks } from './accounts/device-link.ts'
import { DeviceTokens } from './accounts/device-token.ts'
import { ConfirmationTickets } from './accounts/ticket.ts'
import type { Config } from './config.ts'
import { LetterTokens } from './confirmation/letters/letter-token.ts'
import { AttemptLimits } from './limits/attempt-limits.ts'
import { ProcessLimit } from './limits/process-limit.ts'
import type { Logger } from './log.ts'
import type { Metrics } from './metrics.ts'
import { SEALED_STORES, type Storage } from './open-storage.ts'
import { HashingLanes } from './passwords/hashing-lanes.ts'
import { createPasswordHasher } from './passwords/password-hasher.ts'
import { Peppers } from './secrets/peppers.ts'
import { takeUpSecretKeys } from './secrets/secret-key-check.ts'
import { Sessions } from './sessions/sessions.ts'
import type { Queue } from './storage/queue.ts'
import { AccessTokens } from './tokens/access-token.ts'
import { SigningKeys } from './tokens/signing-keys.ts'

export type Areas = Awaited<ReturnType<typeof openAreas>>

/** What the routes and pages of every area need, in one: accounts, sessions, tokens, passwords and tickets. */
export async function openAreas(needs: {
  config: Config
  storage: Storage
  queue: Queue
  metrics: Metrics
  publicUrl: () => string
  now: () => number
  logger: Logger
}) {
  const { config, storage, queue, metrics, publicUrl, now, logger } = needs
  const { database, backgroundDatabase, refreshDatabase, secretKeys } = storage
  const keyCheck = { keys: secretKeys, uses: storage.secretKeyUses, isShared: config.databaseUrl !== undefined }
  for (const secretKey of await takeUpSecretKeys(backgroundDatabase, keyCheck, SEALED_STORES))
    logger.warn(
      { secretKey },
      'a retired secret key verifies again, as :unretired= in AUTH_SECRET_KEY says: if it has leaked, retire it again now',
    )
  const signingKeys = await SigningKeys.open({
    database: backgroundDatabase,
    loadingDatabase: database,
    sealing: secretKeys.sealing,
    algorithm: config.signingAlgorithm,
    logger,
    accessTokenTtl: config.accessTokenTtl,
  })
  const accessTokens = new AccessTokens({
    keys: signingKeys,
    issuer: publicUrl,
    audience: () => config.audience ?? publicUrl(),
    clientId: config.clientId,
    ttl: config.accessTokenTtl,
    now,
  })
  const peppers = await Peppers.open(database, secretKeys)
  const lanes = new HashingLanes()
  metrics.watchHashing(lanes)
  const sessions = new Sessions({
    database,
    refreshDatabase,
    keys: secretKeys.for('refresh-token'),
    accessTokens,
    lifetimes: { idle: config.refreshIdleTtl, absolute: config.sessionTtl },
    mostPerAccount: config.sessionsPerAccount,
    grace: config.refreshGrace,
    exchanges: metrics.refreshExchanges,
  })
  const limits = { holdsOptional: config.rateLimits, refusals: metrics.limited, now }
  return {
    database,
    queue,
    attempts: new AttemptLimits({ ...limits, database, keys: secretKeys.for('attempt-counter') }),
    malformedTokens: new ProcessLimit({ ...limits, limit: 'secret_by_network' }),
    networkKeys: secretKeys.for('network'),
    deviceLinks: new DeviceLinks(secretKeys.for('device-link')),
    devices: new DeviceTokens(secretKeys.for('device-token')),
    signingKeys,
    accessTokens,
    sessions,
    lanes,
    peppers,
    hasher: createPasswordHasher({ peppers }),
    tickets: new ConfirmationTickets(secretKeys.for('confirmation-ticket')),
    letterTokens: new LetterTokens(secretKeys.for('letter-token')),
    policy: { minLength: config.passwordMinLength, serviceName: config.mailFrom.name },
  }
}
