import { join } from 'node:path'
import { sql } from 'kysely'
import { countPasswordsWithDerivedPepper, countPasswordsWithPepper } from './accounts/account-store.ts'
import { accountCreated, signInBlocked } from './accounts/messages.ts'
import type { Config } from './config.ts'
import { letterRequested, letterRequestedByAddress } from './confirmation/messages.ts'
import { type Logger, onceAMinute } from './log.ts'
import { MissedDeadlines } from './missed-deadlines.ts'
import { OperatorError } from './operator-error.ts'
import type { KeyRing } from './secrets/key-ring.ts'
import { OtherKeys } from './secrets/other-keys.ts'
import { countPeppersSealedWith } from './secrets/pepper-store.ts'
import { resealPeppers } from './secrets/peppers.ts'
import {
  bindSecretKeys,
  checkSecretKeys,
  type SealedStore,
  type SecretKeyCheck,
  type SecretKeyUse,
} from './secrets/secret-key-check.ts'
import { hasSeenSecretKeys, idsOfMadeKeys } from './secrets/secret-key-store.ts'
import { countSessionsWithTokenKey } from './sessions/session-store.ts'
import { RELIED_ON } from './storage/bounded-client.ts'
import { type Database, embeddedDatabase, type Queryable } from './storage/database.ts'
import { type Blocker, hasMigrations, migrate, refuseOtherSchema } from './storage/migrate.ts'
import { postgresDatabase } from './storage/postgres.ts'
import type { QueueBackend } from './storage/queue-backend.ts'
import { onceAvailable } from './storage/unavailable.ts'
import { countSigningKeysSealedWith } from './tokens/signing-key-store.ts'
import { resealSigningKeys } from './tokens/signing-keys.ts'

export type Storage = AsyncDisposable & {
  /** For requests: no query takes longer than a request may wait. */
  database: Database
  /** The same for what nobody waits for, with longer queries; on PostgreSQL on connections of its own. */
  backgroundDatabase: Database
  /**
   * The same for exchanging refresh tokens alone; on PostgreSQL a connection of its own, so that an exchange never waits
   * behind what a crowd asks.
   */
  refreshDatabase: Database
  /**
   * The same for sending emails; on PostgreSQL on connections of its own, so that emails that wait for a lock, such as
   * while an index is built on their table, keep no request waiting.
   */
  emailDatabase: Database
  queueBackend: QueueBackend
  secretKeys: KeyRing
  /** What needs a secret key, so that it cannot be left out. */
  secretKeyUses: readonly SecretKeyUse[]
  /** What a command does before it seals something. @throws OperatorError */
  bindSecretKeys(): Promise<void>
  /** The secret keys of other processes that this one lacks. */
  otherKeys: OtherKeys
  /** Names of the migrations that were run. */
  migrations: string[]
  /** Resolves when the database has failed so that only a new start helps; on PostgreSQL it never does. */
  failed: Promise<Error>
}

const OLDEST_POSTGRES = 15

/** Every kind of message; each has a queue of its name. */
export const MESSAGE_KINDS = [accountCreated, letterRequested, letterRequestedByAddress, signInBlocked]

/** What needs a secret key, so that it cannot be left out. */
export const SECRET_KEY_USES: readonly SecretKeyUse[] = [
  { what: 'peppers', count: countPeppersSealedWith, endsWithKey: false },
  { what: 'passwords', count: countPasswordsWithDerivedPepper, endsWithKey: false },
  { what: 'signing keys', count: countSigningKeysSealedWith, endsWithKey: false },
  { what: 'sessions', count: countSessionsWithTokenKey, endsWithKey: true },
]

export const SEALED_STORES: readonly SealedStore[] = [
  { reseal: (transaction, keys) => resealPeppers(transaction, keys, countPasswordsWithPepper) },
  { reseal: (transaction, keys) => resealSigningKeys(transaction, keys.sealing) },
]

/**
 * Opens the database that the settings name, brings its schema up to date and checks the secret key against it.
 * @param options.mayMigrate whether it changes a schema that is not current. A command refuses that, which may be of another
 *   release than what serves; it makes a new embedded database only.
 * @param options.directoryPatience milliseconds to wait for an embedded database that another process has open
 * @param options.missedDeadlines counts those of connections to PostgreSQL
 * @throws OperatorError
 */
export async function openStorage(
  config: Config,
  logger: Logger,
  {
    mayMigrate = true,
    directoryPatience = 0,
    missedDeadlines = new MissedDeadlines(),
  }: { mayMigrate?: boolean; directoryPatience?: number; missedDeadlines?: MissedDeadlines } = {},
): Promise<Storage> {
  await using opened = new AsyncDisposableStack()
  const failure = Promise.withResolvers<Error>()
  const checkKeys = (db: Queryable) => checkedKeys(db, config)
  const { migrations, ...databases } = config.databaseUrl
    ? await openPostgres(config.databaseUrl, opened, { mayMigrate, checkKeys, logger, missedDeadlines })
    : await openEmbedded(config.dataDirectory, opened, {
        mayMigrate,
        checkKeys,
        directoryPatience,
        logger,
        onFailure: failure.resolve,
      })
  const { backgroundDatabase } = databases
  const keyCheck = await checkKeys(backgroundDatabase)
  const { keys } = keyCheck
  const otherKeys = new OtherKeys(keys.ids, () => idsOfMadeKeys(databases.database))
  const parts = opened.move()
  return {
    ...databases,
    secretKeys: keys.beside(otherKeys),
    secretKeyUses: SECRET_KEY_USES,
    bindSecretKeys: () => bindSecretKeys(backgroundDatabase, keyCheck),
    otherKeys,
    migrations,
    failed: failure.promise,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** The secret keys, once they fit the database. @throws OperatorError */
async function checkedKeys(db: Queryable, config: Config): Promise<SecretKeyCheck> {
  const isNew = !(await hasSeenSecretKeys(db))
  const keys = config.secretKey ?? (await secretKeyInDirectory(config.dataDirectory, isNew))
  const check = { keys, uses: SECRET_KEY_USES, isShared: config.databaseUrl !== undefined }
  await checkSecretKeys(db, check)
  return check
}

/**
 * `checkKeys` is a part of the migration: a release that its keys keep from starting must not leave a schema with which the
 * one before cannot start either.
 */
type MigrationOptions = { mayMigrate: boolean; checkKeys: (db: Queryable) => Promise<unknown> }

// Loaded where it is used only: on PostgreSQL the key is a setting.
async function secretKeyInDirectory(dataDirectory: string, isNew: boolean): Promise<KeyRing> {
  const { secretKeyOf } = await import('./secrets/secret-key-file.ts')
  return secretKeyOf(dataDirectory, { isNew })
}

/**
 * Makes or changes all tables that the service needs, those of the queue included.
 * @returns names of the migrations that were run
 * @throws OperatorError
 */
export async function migrateStorage(config: Config, logger: Logger): Promise<string[]> {
  const { createQueue } = await import('./storage/queue.ts')
  await using storage = await openStorage(config, logger)
  const queue = createQueue({ backend: storage.queueBackend, kinds: MESSAGE_KINDS, logger, isMigrating: true })
  await queue.open()
  await queue.stop(0)
  return storage.migrations
}

async function openEmbedded(
  dataDirectory: string,
  opened: AsyncDisposableStack,
  options: MigrationOptions & { directoryPatience: number; logger: Logger; onFailure: (error: Error) => void },
) {
  const { mayMigrate, checkKeys, directoryPatience, logger, onFailure } = options
  // Loaded where they are used only: on PostgreSQL they would be megabytes for nothing.
  const { openEmbeddedDatabase } = await import('./embedded/database.ts')
  const { lockDirectoryWithin } = await import('./embedded/directory-lock.ts')
  opened.use(await lockDirectoryWithin(dataDirectory, directoryPatience))
  const directory = join(dataDirectory, 'database')
  const { pglite, close } = await openEmbeddedDatabase({ directory, logger, onFailure })
  opened.defer(close)
  const database = embeddedDatabase(pglite)
  if (!mayMigrate && (await hasMigrations(database))) await refuseOtherSchema(database)
  const migrations = await migrate(database, { verify: checkKeys })
  const databases = { database, backgroundDatabase: database, refreshDatabase: database, emailDatabase: database }
  return { ...databases, queueBackend: { pglite }, migrations }
}

async function openPostgres(
  url: string,
  opened: AsyncDisposableStack,
  options: MigrationOptions & { logger: Logger; missedDeadlines: MissedDeadlines },
) {
  const { mayMigrate, checkKeys, logger, missedDeadlines } = options
  const open = (pool?: Parameters<typeof postgresDatabase>[2]) => {
    const database = postgresDatabase(url, logger, { ...pool, onMissedDeadline: missedDeadlines.count })
    opened.defer(() => database.destroy())
    return database
  }
  const forMigration = open({ connections: 2, work: 'migration' }) // the second sees whom the first waits for
  const { isPooled } = await checkPostgres(forMigration, url, logger)
  if (isPooled)
    logger.info('a connection pooler such as PgBouncer leads to the database: the queue polls, and nothing is prepared')
  if (!mayMigrate) await refuseOtherSchema(forMigration)
  const onWait = onceAMinute((blockers: Blocker[]) =>
    logger.warn({ blockers }, 'the migration waits for locks that other transactions hold; it is tried again'),
  )
  const onTurnOfAnother = onceAMinute(() => logger.info('another process migrates the database; this one waits for it'))
  const migrations = await migrate(forMigration, { verify: checkKeys, onWait, onTurnOfAnother })
  const databases = {
    database: open(),
    backgroundDatabase: open({ connections: 2, work: 'background' }),
    refreshDatabase: open({ connections: 1 }), // one batch of exchanges at a time
    emailDatabase: open({ connections: 4 }), // most statements of emails are one for many
  }
  for (const database of Object.values(databases)) await checkPostgres(database, url, logger)
  return { ...databases, queueBackend: { postgresUrl: url, isPooled }, migrations }
}

/**
 * Makes the first connection of a pool, patiently.
 * @returns whether a pooler stands between, which may give each transaction another session
 */
async function checkPostgres(database: Database, url: string, logger: Logger): Promise<{ isPooled: boolean }> {
  const { host, pathname } = new URL(url)
  const needed = `PostgreSQL ${OLDEST_POSTGRES} or newer at ${host}${pathname}`
  const onWait = (err: unknown) =>
    logger.warn({ err, host, database: pathname.slice(1) }, 'the database is not available yet; the start waits for it')
  const { version, isPooled, differing } = await onceAvailable(() => describeServer(database), onWait).catch(error => {
    throw new OperatorError(
      {
        needed,
        found: `${(error as Error).message || (error as NodeJS.ErrnoException).code}`,
        remedy: isTlsFault(error)
          ? 'give the server a certificate that can be verified, name its authority by ?sslrootcert=/path in AUTH_DATABASE_URL, or ?sslmode=disable where nobody else is on the network between'
          : 'start the server, or correct the host, user, password or database in AUTH_DATABASE_URL',
      },
      { cause: error },
    )
  })
  if (version < OLDEST_POSTGRES * 10_000)
    throw new OperatorError({
      needed,
      found: `version ${Math.floor(version / 10_000)}`,
      remedy: 'upgrade the server, or set AUTH_DATABASE_URL to a newer one',
    })
  if (differing)
    throw new OperatorError({
      needed: `${settingList(RELIED_ON)} in sessions behind the connection pooler, where the service cannot set them`,
      found: settingList(differing),
      remedy:
        'set them for the role and database in AUTH_DATABASE_URL, by alter role … in database … set … = …; ' +
        'then let the pooler connect to the server anew',
    })
  return { isPooled }
}

const settingList = (settings: Record<string, string>): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name} = '${value}'`)
    .join(', ')

const isTlsFault = (error: Error) =>
  /SSL|TLS|certificate/i.test(`${error.message} ${(error as NodeJS.ErrnoException).code}`)

type Server = {
  version: number
  isPooled: boolean
  /** What its sessions have otherwise than {@link RELIED_ON} says; null when nothing. */
  differing: Record<string, string> | null
}

async function describeServer(database: Database): Promise<Server> {
  const { rows } = await sql<Server>`
    select current_setting('server_version_num')::int as version,
      current_setting('auth_service.session', true) is distinct from 'own' as "isPooled",
      (select json_object_agg(key, current_setting(key)) from json_each_text(${JSON.stringify(RELIED_ON)}::json)
        where not starts_with(current_setting(key), value)) as differing`.execute(database)
  return rows[0]!
}
