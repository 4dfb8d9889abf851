import { setTimeout as pause } from 'node:timers/promises'
import { createTransport } from 'nodemailer'
import type { Logger } from 'pino'
import { canonicalEmailAddress, type EmailAddress, organizationalDomain } from './address.ts'
import { DeliveryConcurrency, type DeliveryPlace } from './delivery-concurrency.ts'
import { isCongestion, MailError, mailErrorOf } from './mail-error.ts'
import { MailHealth, type MailHealthState } from './mail-health.ts'
import type { Sender } from './sender.ts'
import { connectionOptions, createProbe } from './smtp-connection.ts'
import type { SmtpServer } from './smtp-url.ts'

export type OutgoingLetter = {
  to: EmailAddress
  subject: string
  text: string
  html: string
  /** BCP 47. */
  language: string
  /** With angle brackets; the same for a letter that is sent again (RFC 5322 section 3.6.4). */
  messageId: string
  date: Date
  headers?: Record<string, string>
}

export type Mailer = {
  /**
   * Hands an email to the mail server, which has accepted it when this resolves. It takes a minute at the most, and
   * before that up to two minutes' wait while as many as the server takes are on their way.
   *
   * @param record is called when the server has accepted it, and awaited before another email takes its place: so after
   *   a crash no more than `concurrency()` emails are accepted and not recorded
   * @throws MailError when it was not accepted
   */
  send(letter: OutgoingLetter, record?: () => Promise<void>): Promise<void>
  /** How many emails may be on their way to the server at once, by what it took so far. */
  concurrency(): number
  /** How long the server took for the letter that it accepted last, in milliseconds; 0 before the first. */
  lastDelivery(): number
  /**
   * Makes sure that the mail server takes letters now, by asking it once for all who check at a time.
   * @throws MailError
   */
  check(): Promise<void>
  /** Takes note that the mail server accepted an email of another mailer; see {@link MailHealth.deliveredByOther}. */
  heardOfDelivery(): void
  /** How the mail server was met last. */
  health(): MailHealthState
  /** What is wrong with it, while it is degraded. */
  lastError(): MailError | undefined
  /**
   * Waits for the letters under way, then gives up those that are left, and closes the connections.
   * @param patience milliseconds
   */
  close(patience?: number): Promise<void>
}

/**
 * Whether a ticket shows an email decides which of two mailers sends it. Emails that no ticket shows are sent only where
 * there is an account, so nothing that they do to a mailer may be told by the emails of tickets: how long it took last, how
 * many it sends at once, which of its places are taken, and how the server was met.
 */
export type Mailers = {
  /** For the emails of sign-ups, and those that tickets ask for. */
  shown: Mailer
  /** For those that are asked for by address, and device links. */
  unshown: Mailer
  /** How the mail server was met last by the one that it is worse to; for operators alone. */
  health(): MailHealthState
  close(patience?: number): Promise<void>
}

export type MailerOptions = {
  server: SmtpServer
  from: Sender
  /** How many connections for emails there may be; one more asks whether the server takes any. */
  connections: number
  logger: Logger
  /** Is told when the health changes. */
  onHealth?: (health: MailHealthState) => void
  /** Is told when the server accepted an email. */
  onDelivered?: () => void
  /** Is told when the server (`smtp`), or a place among the emails on their way to it (`smtp_slot`), took too long. */
  onMissedDeadline?: (what: 'smtp' | 'smtp_slot') => void
}

const POOL = {
  maxMessages: Number.POSITIVE_INFINITY,
  idleTimeout: 25_000, // milliseconds; before the silence would count as a fault
  maxRequeues: 1, // of an email whose connection was closed before it was handed over
}
// Together with what is done before and after they stay below the lease of a message.
const LONGEST_WAIT = 120_000 // milliseconds
const LONGEST_SENDING = 50_000 // milliseconds
const PATIENCE = 5_000 // milliseconds
const RECORDED_WITHIN = 250 // milliseconds, beyond the patience of a stop
const UNSHOWN_PART = 0.1 // of the connections; such emails are few
const PROBES = 2 // connections, by which each mailer asks whether the server takes emails

/**
 * Opens both mailers.
 *
 * A server that allows as many connections as there may be refuses neither mailer one because of the other: so those that
 * only ask are counted in.
 *
 * @param options.connections all of both, `AUTH_SMTP_CONNECTIONS`; each has at least one for emails, and one to ask
 */
export function openMailers({ connections, onHealth, logger, ...options }: MailerOptions): Mailers {
  const ofUnshown = Math.max(1, Math.floor(connections * UNSHOWN_PART))
  const open = (emails: 'shown' | 'unshown', share: number, onDelivered?: () => void) =>
    openMailer({
      ...options,
      connections: share,
      logger: logger.child({ emails }),
      onHealth: () => onHealth?.(health()),
      ...(onDelivered && { onDelivered }),
    })
  const unshown = open('unshown', ofUnshown)
  // Unshown emails are few: without this, their mailer could stay degraded for days. Never the other way.
  const shown = open('shown', Math.max(1, connections - ofUnshown - PROBES), unshown.heardOfDelivery)
  const health = () => {
    const states = [shown.health(), unshown.health()]
    return (['degraded', 'unknown'] as const).find(state => states.includes(state)) ?? 'ok'
  }
  return {
    shown,
    unshown,
    health,
    async close(patience) {
      await Promise.all([shown.close(patience), unshown.close(patience)])
    },
  }
}

/** Opens an SMTP client. It asks at once whether the server is there, without keeping anybody waiting. */
export function openMailer({
  server,
  from,
  connections,
  logger,
  onHealth,
  onDelivered = () => {},
  onMissedDeadline = () => {},
}: MailerOptions): Mailer {
  const { credentials } = server
  // The pool opens a connection when an email finds none that is free, and keeps it.
  const transport = createTransport({
    pool: true,
    ...POOL,
    maxConnections: connections,
    ...connectionOptions(server),
    ...(credentials && { auth: credentials }),
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  const closing = new AbortController()
  const told = (error: MailError, what: 'smtp' | 'smtp_slot') => {
    if (error.timedOut) onMissedDeadline(what)
    return error
  }
  const probe = createProbe(server, closing.signal)
  const ask = () =>
    probe().catch(error => {
      throw told(error, 'smtp')
    })
  const health = new MailHealth({ probe: ask, logger, ...(onHealth && { onChange: onHealth }) })
  const concurrency = new DeliveryConcurrency(connections)
  const underWay = new Set<Promise<void>>()
  let lastDelivery = 0

  const handOver = async ({ to, language, headers, ...letter }: OutgoingLetter, place: DeliveryPlace) => {
    const recipient = { name: '', address: to }
    const began = performance.now()
    try {
      await transport.sendMail({
        ...letter,
        from,
        to: recipient,
        envelope: { from: from.address, to: [recipient] },
        headers: { ...headers, 'auto-submitted': 'auto-generated', 'content-language': language },
        xMailer: false,
        signal: AbortSignal.timeout(LONGEST_SENDING),
      })
    } catch (thrown) {
      const error = told(mailErrorOf(thrown, to), 'smtp')
      if (isCongestion(error)) place.congested()
      health.failed(error, to)
      throw error
    }
    lastDelivery = performance.now() - began
    place.accepted()
    health.delivered()
    onDelivered()
  }

  const deliver = async (letter: OutgoingLetter, record?: () => Promise<void>) => {
    // The library parses even an explicit envelope: what it gets has to be beyond misunderstanding.
    if (canonicalEmailAddress(letter.to) !== letter.to)
      throw new MailError('address_refused', 'the address is not a canonical one')
    const place = await concurrency.acquire(LONGEST_WAIT, organizationalDomain(letter.to)).catch(reason => {
      throw told(mailErrorOf(reason), 'smtp_slot')
    })
    try {
      await handOver(letter, place)
      await record?.()
    } finally {
      place.release()
    }
  }

  return {
    send(letter, record) {
      const sending = deliver(letter, record).finally(() => underWay.delete(sending))
      underWay.add(sending)
      return sending
    },
    concurrency: () => Math.max(concurrency.limit, concurrency.inFlight),
    lastDelivery: () => lastDelivery,
    check: () => health.check(),
    heardOfDelivery: () => health.deliveredByOther(),
    health: () => health.state,
    lastError: () => health.lastError,
    async close(patience = PATIENCE) {
      health.stop()
      closing.abort()
      await Promise.race([Promise.allSettled(underWay), pause(patience, undefined, { ref: false })])
      concurrency.close(new Error('the service stops'))
      transport.close({ force: true })
      // What is being sent ends at once. A record that the database does not take would go on for seconds.
      await Promise.race([Promise.allSettled(underWay), pause(RECORDED_WITHIN, undefined, { ref: false })])
    },
  }
}
