import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { ACCOUNT_PROBLEMS } from './accounts/errors.ts'
import { accountRoutes } from './accounts/routes.ts'
import { type Config, usesMailbox } from './config.ts'
import { CONFIRMATION_PROBLEMS } from './confirmation/errors.ts'
import { confirmationRoutes } from './confirmation/routes.ts'
import { consumeMessages } from './confirmation/worker.ts'
import type { ControlContext } from './control.ts'
import { type Mailers, openMailers } from './email/mailer.ts'
import { parseSmtpUrl } from './email/smtp-url.ts'
import type { Mailbox } from './embedded/mailbox.ts'
import { startHousekeeping } from './housekeeping.ts'
import { allowCrossOrigin } from './http/cors.ts'
import { HeldRefusals } from './http/held-refusals.ts'
import { createHttpServer, type HttpServer } from './http/server.ts'
import { LIMIT_PROBLEMS } from './limits/errors.ts'
import { type Logger, onceAMinute } from './log.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { MissedDeadlines } from './missed-deadlines.ts'
import { type Areas, openAreas } from './open-areas.ts'
import { MESSAGE_KINDS, openStorage, type Storage } from './open-storage.ts'
import { healthRoutes } from './operation/health.ts'
import { mailState } from './operation/mail-state.ts'
import { Readiness } from './operation/readiness.ts'
import { unlistenable } from './operator-error.ts'
import { pageRoutes } from './pages/routes.ts'
import type { HashingLanes } from './passwords/hashing-lanes.ts'
import { lowerHashingPriority } from './passwords/hashing-priority.ts'
import { describeRoutes, openapiRoute } from './reference/openapi.ts'
import { referenceRoutes } from './reference/reference.ts'
import { KeysUnavailableError } from './secrets/other-keys.ts'
import { metadataRoute } from './sessions/metadata.ts'
import { sessionRoutes } from './sessions/routes.ts'
import { isLoopback } from './settings.ts'
import type { Database } from './storage/database.ts'
import { createQueue, type Queue } from './storage/queue.ts'
import { isUnavailable } from './storage/unavailable.ts'
import { probeWrite } from './storage/write-probe.ts'
import { tokenRoutes } from './tokens/routes.ts'
import { VERSION } from './version.ts'

export type Service = AsyncDisposable & {
  /** Its origin in links, with the port that it listens on where none was set. */
  publicUrl: string
  /** The port that it listens on. */
  port: number
  metricsUrl: string | undefined
  /** The embedded mailbox, where letters go to it. */
  mailbox: Mailbox | undefined
  database: Database
  queue: Queue
  /** Resolves when something has failed so that only a new start helps. */
  failed: Promise<Error>
  /** What password hashing is doing. */
  hashing: Pick<HashingLanes, 'waiting' | 'running' | 'started' | 'refused'>
}

export type ServiceOptions = {
  logger: Logger
  /** Where it is being opened already; it is closed with the service. */
  storage?: Promise<Storage>
  /** Those of `storage`, where that is given. */
  missedDeadlines?: MissedDeadlines
  /** How many lines of the log were dropped since the start. */
  droppedLines?: () => number
  /** The process's clock, in milliseconds. */
  now?: () => number
}

// Connections that wait to be accepted; the system may lower it. What finds no place is tried again by its client a
// second later: with Node's 511, refreshes were that late when a thousand clients came at once.
const BACKLOG = 4_096

// The parts of a stop are together below the 10 seconds after which it is cut short (stop.ts), at the worst 9.5: 6 s for what
// is under way, side by side (requests have 5, http/connections/open-connections.ts; operations of commands 2,
// control-socket/server.ts), 1 s to return messages to the queue and 0.5 s for the queue's connections (storage/queue.ts), 1 s for
// letters, 1 s for the mailbox or for connections to a database that does not answer (storage/bounded-client.ts, 4 pools).
const FINISH_WITHIN = 6_000 // milliseconds that messages in hand and housekeeping have
const GIVE_UP_WITHIN = 1_000 // milliseconds that a letter has beyond them, whose message will come again

/**
 * Starts the service that the settings describe; disposing of it finishes what is under way and closes everything.
 * @throws OperatorError when something that it needs is not there
 */
export async function startService(
  config: Config,
  {
    logger,
    missedDeadlines = new MissedDeadlines(),
    storage: opening = openStorage(config, logger, { missedDeadlines }),
    droppedLines = () => 0,
    now = Date.now,
  }: ServiceOptions,
): Promise<Service> {
  await using opened = new AsyncDisposableStack()
  const metrics = createMetrics(missedDeadlines, droppedLines)
  const { onMissedDeadline } = metrics
  if (config.serviceLinks.length > 0)
    logger.info(
      { names: config.serviceLinks },
      'these variables are no settings but service links of Kubernetes, and ignored; enableServiceLinks: false in the pod keeps them out',
    )
  if (usesMailbox(config)) void import('./embedded/mailbox.ts') // loads while the database opens in its thread
  const storage = opened.use(await opening)
  const mail = await openMail(config, logger, metrics, opened)
  const queue = createQueue({ backend: storage.queueBackend, kinds: MESSAGE_KINDS, logger, onMissedDeadline })
  opened.defer(() => queue.stop(FINISH_WITHIN))
  const queueIsOpen = queue.open() // while the server is built
  queueIsOpen.catch(() => {}) // whoever waits for it is told

  let port = config.listen.port
  const publicUrl = () => config.publicUrl ?? `http://localhost:${port}`
  const areas = await openAreas({ config, storage, queue, metrics, publicUrl, now, logger })
  opened.defer(() => areas.lanes.close())
  await lowerHashingPriority()
  const housekeeping = startHousekeeping({
    ...areas,
    database: storage.backgroundDatabase,
    secretKeys: storage.secretKeys,
    auditRetention: config.auditRetention,
    sessionTtl: config.sessionTtl,
    logger,
    onMissedDeadline,
  })
  const underWay = [() => housekeeping.stop(FINISH_WITHIN), () => queue.finish(FINISH_WITHIN)]
  opened.defer(async () => {
    await Promise.all(underWay.map(end => end())) // requests still send messages: the queue closes afterwards
  })
  const warnOfKeys = onceAMinute((err: KeysUnavailableError) =>
    logger.warn({ err }, 'this process is not ready: a key is not to be had'),
  )
  const readiness = new Readiness({
    checks: {
      database: () => probeWrite(storage.database),
      queue: () => queue.check(),
      keys: async () => {
        await storage.otherKeys.check()
        areas.accessTokens.ensureSigning()
        void areas.peppers.current
      },
    },
    onMissedDeadline,
    onKeysFailed: error => {
      if (error instanceof KeysUnavailableError) warnOfKeys(error)
    },
    reasonOf: error => (error instanceof KeysUnavailableError ? error.message : undefined),
    mail: mail && mailState(mail.mailers.health, () => queue.longestWait(MESSAGE_KINDS)), // each sends an email
  })
  if (!config.databaseUrl) {
    const control = await openControlSocket(config, storage, areas, { logger, onMissedDeadline })
    if (control) underWay.push(() => control.close())
  }
  if (config.metricsListen !== 'off')
    (await import('./watch-backlog.ts')).watchBacklog(metrics, storage.backgroundDatabase)
  const metricsListener =
    config.metricsListen === 'off'
      ? undefined
      : await (await import('./operation/metrics-listener.ts')).listenForMetrics(metrics.registry, {
          ...config.metricsListen,
          names: config.metricsHosts,
          readiness,
          logger,
        })
  if (metricsListener) opened.use(metricsListener)

  const server = await buildServer({ config, storage, mail, areas, metrics, readiness, logger, publicUrl, now })
  underWay.push(() => server.close())
  server.server.once('listening', () => {
    port = (server.server.address() as AddressInfo).port
  })
  await server.ready()
  await queueIsOpen
  await listen(server, config)
  if (mail)
    await consumeMessages(queue, {
      ...areas,
      database: storage.emailDatabase,
      mailers: mail.mailers,
      confirmUrl: () => config.confirmUrl ?? `${publicUrl()}/confirm`,
      deviceUrl: () => config.deviceUrl ?? `${publicUrl()}/device`,
      publicUrl,
      serviceName: config.mailFrom.name,
      linkLifetime: config.confirmationTtl,
      letters: metrics.letters,
      logger,
      now,
    })
  const parts = opened.move()
  return {
    publicUrl: publicUrl(),
    port,
    metricsUrl: metricsListener?.url,
    mailbox: mail?.mailbox,
    database: storage.database,
    queue,
    failed: storage.failed,
    hashing: areas.lanes,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

// Loaded where it is used only: on PostgreSQL commands reach the database themselves.
async function openControlSocket(
  { dataDirectory }: Config,
  { backgroundDatabase: database, secretKeys, secretKeyUses }: Storage,
  { signingKeys }: Areas,
  reporting: Omit<ControlContext, 'dataDirectory'>,
): Promise<{ close(): Promise<void> } | undefined> {
  const { openControl } = await import('./control.ts')
  const deps = { database, secretKeys, secretKeyUses, signingKeys: async () => signingKeys }
  return openControl(deps, { dataDirectory, ...reporting })
}

type Mail = { mailers: Mailers; mailbox: Mailbox | undefined }

/** The sender of letters, in a process that sends any; with the embedded mailbox where no mail server is set. */
async function openMail(
  config: Config,
  logger: Logger,
  metrics: Metrics,
  opened: AsyncDisposableStack,
): Promise<Mail | undefined> {
  if (!config.modules.has('confirmation')) return undefined
  const mailbox = usesMailbox(config) ? await openEmbeddedMailbox(config, logger) : undefined
  if (mailbox) opened.defer(() => mailbox.close())
  const server = config.smtp ?? parseSmtpUrl(mailbox!.smtpUrl)
  const onHealth = (state: string) => metrics.mailDegraded.set(state === 'degraded' ? 1 : 0)
  const { smtpConnections: connections, mailFrom: from } = config
  const { onMissedDeadline } = metrics
  const mailers = openMailers({ server, from, connections, logger, onHealth, onMissedDeadline })
  opened.defer(() => mailers.close(GIVE_UP_WITHIN))
  return { mailers, mailbox }
}

// Loaded where it is used only: it parses letters, by libraries that would be megabytes for nothing.
async function openEmbeddedMailbox({ dataDirectory }: Config, logger: Logger): Promise<Mailbox> {
  const { openMailbox } = await import('./embedded/mailbox.ts')
  return openMailbox({ directory: join(dataDirectory, 'mailbox'), logger })
}

async function buildServer(needs: {
  config: Config
  storage: Storage
  mail: Mail | undefined
  areas: Areas
  metrics: Metrics
  readiness: Readiness
  logger: Logger
  publicUrl: () => string
  now: () => number
}): Promise<HttpServer> {
  const { config, mail, areas, metrics, readiness, logger, publicUrl, now } = needs
  const problems = { ...ACCOUNT_PROBLEMS, ...CONFIRMATION_PROBLEMS, ...LIMIT_PROBLEMS }
  const heldRefusals = new HeldRefusals()
  const server = createHttpServer({
    logger,
    trustedProxies: config.trustedProxies,
    isHttps: config.publicUrl?.startsWith('https:') ?? false,
    problems,
    isUnavailable,
    heldRefusals,
    closedConnections: metrics.closedConnections,
    onAnswer: ({ seconds, ...labels }) =>
      metrics.requests.observe({ ...labels, status: String(labels.status) }, seconds),
  })
  await describeRoutes(server, VERSION)
  await allowCrossOrigin(server, config.allowedOrigins)
  if (config.modules.has('accounts')) {
    accountRoutes(server, areas)
    tokenRoutes(server, { keys: areas.signingKeys })
    metadataRoute(server, { publicUrl })
    const needs = { ...areas, clientId: config.clientId, isUnavailable, heldRefusals }
    await server.register(async scope => sessionRoutes(scope, needs))
  }
  if (config.modules.has('confirmation')) confirmationRoutes(server, areas)
  await server.register(scope =>
    pageRoutes(scope, {
      ...areas,
      modules: config.modules,
      publicUrl,
      appUrl: config.appUrl,
      isLoopback,
      serviceName: config.mailFrom.name,
      refreshIdleTtl: config.refreshIdleTtl,
      mailbox: mail?.mailbox,
      mailboxForced: config.mailboxForced,
      problems,
      isUnavailable,
      heldRefusals,
      now,
    }),
  )
  healthRoutes(server, readiness)
  openapiRoute(server)
  referenceRoutes(server)
  return server
}

async function listen(server: HttpServer, { listen: { host, port } }: Config): Promise<void> {
  try {
    await server.listen({ host, port, backlog: BACKLOG })
  } catch (error) {
    throw unlistenable('AUTH_PORT', `${host}:${port}`, error)
  }
}
