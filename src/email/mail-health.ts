import type { Logger } from 'pino'
import { type EmailAddress, organizationalDomain } from './address.ts'
import { isAboutLetter, MailError } from './mail-error.ts'

/** `degraded`: letters wait, and an operator should look; `unknown`: nothing was heard of the mail server yet. */
export type MailHealthState = 'ok' | 'degraded' | 'unknown'

const FIRST_PAUSE = 1_000 // milliseconds
const LONGEST_PAUSE = 30_000 // milliseconds
const FRESH_FOR = 10_000 // milliseconds
// Letters that were refused with none accepted between: more than one stranger's mailboxes, fewer than an outage's.
const REFUSED_DOMAINS = 3
const REFUSED_RECIPIENTS = 10 // where all are of one organization
const REMEMBERED_FOR = 3 * 3_600_000 // milliseconds, since the last of a recipient, whose letter is tried each 5 minutes
const TROUBLE_TOLD_EVERY = 60_000 // milliseconds

/**
 * How the mail server was met last, by letters and, while it is in trouble, by asking it again and again.
 *
 * A server that refuses letters but can be talked to stays degraded until it takes one. What it says of one letter or its
 * recipient counts only once it has said so of several: otherwise whoever owns a full mailbox could stop all held letters.
 */
export class MailHealth {
  state: MailHealthState = 'unknown'
  lastError: MailError | undefined
  readonly #probe: () => Promise<void>
  readonly #onChange: ((state: MailHealthState) => void) | undefined
  readonly #logger: Logger
  readonly #now: () => number
  #timer: NodeJS.Timeout | undefined
  #asking: Promise<void> | undefined
  readonly #refusedRecipients = new Map<EmailAddress, number>() // since a letter was accepted; when last, by #now
  #metAt = Number.NEGATIVE_INFINITY // by #now; of a probe its begin, as the server may have gone away meanwhile
  #deliveredAt = Number.NEGATIVE_INFINITY // by #now
  #pause = FIRST_PAUSE
  #toldState: MailHealthState = 'unknown'
  #troubleTold: NodeJS.Timeout | undefined
  #isStopped = false

  /**
   * @param options.probe asks the server whether it would take letters. @throws MailError
   * @param options.now a clock that only goes forward, in milliseconds
   */
  constructor(options: {
    probe: () => Promise<void>
    onChange?: (state: MailHealthState) => void
    logger: Logger
    now?: () => number
  }) {
    this.#probe = options.probe
    this.#onChange = options.onChange
    this.#logger = options.logger
    this.#now = options.now ?? (() => performance.now())
    void this.#askOnce()
  }

  /** Takes note of a letter that the server took. */
  delivered(): void {
    this.#deliveredAt = this.#now()
    this.#refusedRecipients.clear()
    this.#met(this.#deliveredAt)
  }

  /**
   * Takes note of a letter of another mailer that the server took. Of this one's letters that says nothing while they are
   * refused, nor of its connections, which a probe tells.
   */
  deliveredByOther(): void {
    this.#forgetOldRefusals()
    if (!this.lastError || isMendedByProbe(this.lastError)) return
    if (!isAboutLetter(this.lastError) || this.#refusedRecipients.size === 0) this.#met(this.#now())
  }

  /** Takes note of a letter that it did not take, or of a probe, which is to nobody, that failed. */
  failed(error: MailError, to?: EmailAddress): void {
    if (error.timedOut) this.#askLater()
    if (isAboutLetter(error) && !this.#concernsEverybody(error, to)) return
    this.lastError = error
    this.#change('degraded')
    if (isMendedByProbe(error)) this.#askLater()
  }

  /**
   * Makes sure that the server takes letters now: what was heard of it before the call is no proof, as it may have gone
   * away since.
   * @throws MailError
   */
  async check(): Promise<void> {
    const began = this.#now()
    const isToBeAsked = () => this.#metAt < began && this.state !== 'degraded'
    if (isToBeAsked()) await this.#askOnce()
    if (isToBeAsked()) await this.#askOnce() // the one before was under way already
    if (this.#metAt < began || this.state !== 'ok')
      throw this.lastError ?? new MailError('temporary', 'nothing was heard of the mail server yet')
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    clearTimeout(this.#troubleTold)
  }

  /** A greylisted letter (`temporary`) says nothing, and neither does an address that does not exist. */
  #concernsEverybody({ kind, timedOut }: MailError, to: EmailAddress | undefined): boolean {
    const recipients = this.#refusedRecipients
    const isHint = kind === 'refused' || timedOut !== undefined
    if (!to || !isHint) return false
    this.#forgetOldRefusals()
    if (recipients.size < REFUSED_RECIPIENTS || recipients.has(to)) recipients.set(to, this.#now())
    const domains = new Set([...recipients.keys()].map(organizationalDomain))
    return domains.size >= REFUSED_DOMAINS || recipients.size >= REFUSED_RECIPIENTS
  }

  #forgetOldRefusals(): void {
    for (const [recipient, refusedAt] of this.#refusedRecipients)
      if (this.#now() - refusedAt >= REMEMBERED_FOR) this.#refusedRecipients.delete(recipient)
  }

  #met(at: number): void {
    this.#metAt = Math.max(this.#metAt, at)
    this.#change('ok')
  }

  #change(state: MailHealthState): void {
    if (state === 'ok') {
      this.lastError = undefined
      this.#pause = FIRST_PAUSE
    }
    if (this.state === state || this.#isStopped) return
    this.state = state
    this.#tell()
    this.#onChange?.(state)
  }

  /** Logs the state, but trouble once a minute at the most: of a server that takes every second letter it comes and goes. */
  #tell(): void {
    if (this.state === this.#toldState || (this.state === 'degraded' && this.#troubleTold)) return
    this.#toldState = this.state
    if (this.state === 'ok') {
      this.#logger.info('the mail server takes letters')
      return
    }
    this.#logger.error({ err: this.lastError }, 'the mail server is in trouble; letters wait')
    this.#troubleTold = setTimeout(() => {
      this.#troubleTold = undefined
      this.#tell()
    }, TROUBLE_TOLD_EVERY).unref()
  }

  async #ask(): Promise<void> {
    const began = this.#now()
    const error: MailError | undefined = await this.#probe().then(
      () => undefined,
      thrown => thrown,
    )
    if (error && !this.#hasOnlyNoMoreConnections(error)) return this.failed(error)
    if (!this.lastError || isMendedByProbe(this.lastError)) this.#met(began)
  }

  /**
   * Whether the server may refuse a probe only since it takes no more connections than it has, or no more sign-ins for now:
   * those that are open took a letter a moment ago. One that shuts down says 4.3.2 (RFC 3463 section 3.4).
   */
  #hasOnlyNoMoreConnections({ kind, command = '', replyCode, enhancedCode }: MailError): boolean {
    const isConnection = command === 'CONN' && replyCode !== undefined
    const isSignIn = command.startsWith('AUTH') && kind === 'temporary'
    const isRefused = (isConnection || isSignIn) && enhancedCode !== '4.3.2'
    return isRefused && this.#now() - this.#deliveredAt <= FRESH_FOR
  }

  #askOnce(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  #askLater(): void {
    if (this.#timer || this.#isStopped) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#askOnce()
    }, this.#pause).unref()
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE)
  }
}

/** A probe goes as far as the sign-in; whether the server takes letters again after refusing one, only a letter shows. */
function isMendedByProbe(error: MailError): boolean {
  return !isAboutLetter(error) && !(error.kind === 'refused' && error.command === 'MAIL FROM')
}
