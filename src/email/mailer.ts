import { createTransport } from 'nodemailer'
import type { Logger } from 'pino'
import { canonicalEmailAddress, type EmailAddress } from './address.ts'
import { MailError, mailErrorOf } from './mail-error.ts'
import { MailHealth, type MailHealthState } from './mail-health.ts'
import type { Sender } from './sender.ts'
import { connectionOptions, probe } from './smtp-connection.ts'
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
   * Hands a letter to the mail server, which has taken it when this resolves. It takes a minute at the most.
   * @throws MailError
   */
  send(letter: OutgoingLetter): Promise<void>
  /** How long the last letter took to be handed over, in milliseconds; 0 before the first. */
  lastDelivery(): number
  /**
   * Makes sure that the mail server takes letters: it was met a moment ago, or it is asked.
   * @throws MailError
   */
  check(): Promise<void>
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

export type MailerOptions = {
  server: SmtpServer
  from: Sender
  logger: Logger
  /** Is told when the health changes. */
  onHealth?: (health: MailHealthState) => void
}

const POOL = {
  maxConnections: 5, // 2,180 letters a second to a server on the same machine; 10 make 2,250
  maxMessages: Number.POSITIVE_INFINITY,
  idleTimeout: 25_000, // milliseconds; before the silence would count as a fault
  maxRequeues: 1, // of a letter whose connection was closed before it was handed over
}
const LONGEST_SENDING = 50_000 // milliseconds
const PATIENCE = 5_000 // milliseconds

/** Opens the one SMTP client. It asks at once whether the server is there, without keeping anybody waiting. */
export function openMailer({ server, from, logger, onHealth }: MailerOptions): Mailer {
  const { credentials } = server
  const transport = createTransport({
    pool: true,
    ...POOL,
    ...connectionOptions(server),
    ...(credentials && { auth: credentials }),
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  const closing = new AbortController()
  const ask = () => probe(server, closing.signal)
  const health = new MailHealth({ probe: ask, logger, ...(onHealth && { onChange: onHealth }) })
  const underWay = new Set<Promise<void>>()
  let lastDelivery = 0

  const deliver = async ({ to, language, headers, ...letter }: OutgoingLetter) => {
    // The library parses even an explicit envelope: what it gets has to be beyond misunderstanding.
    if (canonicalEmailAddress(to) !== to) throw new MailError('address_refused', 'the address is not a canonical one')
    const recipient = { name: '', address: to }
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
      health.delivered()
    } catch (thrown) {
      const error = mailErrorOf(thrown, to)
      health.failed(error)
      throw error
    }
  }

  return {
    send(letter) {
      const begun = performance.now()
      const sending = deliver(letter)
        .then(() => {
          lastDelivery = performance.now() - begun
        })
        .finally(() => underWay.delete(sending))
      underWay.add(sending)
      return sending
    },
    lastDelivery: () => lastDelivery,
    check: () => health.check(),
    health: () => health.state,
    lastError: () => health.lastError,
    async close(patience = PATIENCE) {
      health.stop()
      closing.abort()
      const timer = new Promise(resolve => setTimeout(resolve, patience).unref())
      await Promise.race([Promise.allSettled(underWay), timer])
      transport.close({ force: true })
      await Promise.allSettled(underWay)
    },
  }
}
