/**
 * Why a letter could not be handed over:
 * - `address_refused`: a permanent fault of the address; trying again is no use
 * - `refused`: a permanent answer that is not about the address, such as a sender that may not send; it is tried again,
 *   since an operator can mend it
 * - `temporary`: the server can't be reached, or says that it can't now
 */
export type MailFault = 'address_refused' | 'refused' | 'temporary'

export type MailErrorFacts = {
  /** The server's reply code (RFC 5321 section 4.2), where it answered. */
  replyCode?: number
  /** The enhanced status code (RFC 3463), such as 5.1.1. */
  enhancedCode?: string
  /** What the server answered to: `CONN` (its greeting), `EHLO`, `STARTTLS`, `AUTH …`, `MAIL FROM`, `RCPT TO`, `DATA`. */
  command?: string
  /**
   * What took longer than is waited for: to reach the server and be greeted, or to get a place (`connection`); or to hand
   * over the letter, where the server may have been waiting for the recipient's own (`letter`).
   */
  timedOut?: 'connection' | 'letter'
}

/** A letter that was not handed over. It holds neither the recipient's address, nor credentials, nor the letter's link. */
export class MailError extends Error implements MailErrorFacts {
  override name = 'MailError'
  readonly kind: MailFault
  readonly replyCode?: number
  readonly enhancedCode?: string
  readonly command?: string
  readonly timedOut?: 'connection' | 'letter'

  constructor(kind: MailFault, message: string, facts: MailErrorFacts = {}) {
    super(message)
    this.kind = kind
    Object.assign(this, facts)
  }
}

/** What the SMTP client says of a fault. */
type ClientFault = {
  message: string
  code?: string
  timeoutType?: string
  command?: string
  response?: string
  responseCode?: number
}

const ABOUT_THE_LETTER = ['RCPT TO', 'DATA']
const TIMEOUT_CODES = ['ETIMEDOUT', 'EABORT'] // of the client, and of the signal by which sending is ended
const LONGEST_TEXT = 300 // characters of a server's words

/**
 * Makes a {@link MailError} of whatever the SMTP client threw.
 *
 * @param to the recipient, whose address servers like to repeat in their answers; undefined when there was none yet
 */
export function mailErrorOf(thrown: unknown, to?: string): MailError {
  const { message, code = '', timeoutType, command, response, responseCode: replyCode } = thrown as ClientFault
  if (!replyCode || !response)
    return new MailError(
      'temporary',
      `the letter could not be handed over: ${withoutSecrets(message, to)}${code && ` (${code})`}`,
      TIMEOUT_CODES.includes(code) ? { timedOut: to && !isOfSetup(timeoutType) ? 'letter' : 'connection' } : {},
    )
  const [, enhancedCode] = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(response) ?? []
  const facts = { replyCode, ...(enhancedCode && { enhancedCode }), ...(command && { command }) }
  // To AUTH, some servers repeat what they were told.
  const words = command?.startsWith('AUTH') ? response.slice(0, 3) : withoutSecrets(response, to)
  return new MailError(
    faultOf(facts),
    `the mail server answered ${!command || command === 'CONN' ? 'the connection' : command} with ${words}`,
    facts,
  )
}

/**
 * Of silence the client tells only whether it came before the greeting or TLS. After that it counts for the letter's: a
 * server that answers nobody is found out by a probe.
 */
const isOfSetup = (timeoutType = '') => ['CONNECT_TIMEOUT', 'GREETING_TIMEOUT', 'UPGRADE_TIMEOUT'].includes(timeoutType)

/**
 * Whether the fault may be of one letter or its recipient only. Servers answer RCPT TO and DATA with what the recipient's
 * own server says (mailbox full, policy), and are silent while they wait for it.
 */
export function isAboutLetter({ kind, command = '', timedOut }: MailError): boolean {
  return kind === 'address_refused' || timedOut === 'letter' || ABOUT_THE_LETTER.includes(command)
}

const OVERLOADED = [421, 451, 452] // RFC 5321 section 4.2.3: not available, local error, insufficient storage

/**
 * Whether the server, or the way to it, may take fewer emails at once than it got: it says that it cannot now, refuses
 * the connection, drops it or does not greet. RFC 3463 has 4.1.x and 4.2.x for what is about one recipient.
 */
export function isCongestion({ kind, replyCode, enhancedCode = '', command, timedOut }: MailError): boolean {
  if (replyCode === undefined) return kind === 'temporary' && timedOut !== 'letter'
  return command === 'CONN' || (OVERLOADED.includes(replyCode) && !/^4\.[12]\./.test(enhancedCode))
}

function faultOf({ replyCode = 0, enhancedCode, command = '' }: MailErrorFacts): MailFault {
  if (replyCode < 500) return 'temporary'
  return isAboutAddress({ replyCode, enhancedCode, command }) ? 'address_refused' : 'refused'
}

/**
 * Whether a permanent answer means that the address takes no mail.
 *
 * RFC 3463 section 3.2 has 5.1.x for addresses, of which 5.1.7 and 5.1.8 tell of the sender's, and section 3.3 has 5.2.1
 * for a mailbox that takes none. Without such a code: what RFC 5321 section 4.2.3 has for a mailbox that isn't there,
 * and only as the answer to RCPT, where nothing but the address was asked about.
 */
function isAboutAddress(answer: { replyCode: number; enhancedCode: string | undefined; command: string }): boolean {
  const { replyCode, enhancedCode, command } = answer
  if (!ABOUT_THE_LETTER.includes(command)) return false
  if (enhancedCode) return /^5\.(?:1\.(?![78]$)\d+|2\.1)$/.test(enhancedCode)
  return command === 'RCPT TO' && [550, 551, 553].includes(replyCode)
}

// Servers repeat what they were told: the address, and a link of the letter that they take for harmful.
function withoutSecrets(text: string, to: string | undefined): string {
  const known = to ? [to, to.slice(0, to.indexOf('@'))].map(part => part.replace(/[^a-z0-9]/g, '\\$&')) : []
  const anyAddress = '[^\\s<>"@]+@[^\\s<>",;:]+'
  return text
    .replace(/[a-z][a-z0-9+.-]*:\/\/\S+|authsvc_\S+/gi, '[link]')
    .replace(
      new RegExp([...known.map(part => `(?<![a-z0-9])${part}(?![a-z0-9])`), anyAddress].join('|'), 'gi'),
      '[address]',
    )
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .slice(0, LONGEST_TEXT)
}
