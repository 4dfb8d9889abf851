import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { simpleParser } from 'mailparser'
import type { Logger } from 'pino'
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server'
import { OperatorError } from '../operator-error.ts'
import { arrivalOf, type Delivery, MailboxFiles } from './mailbox-files.ts'

/** A letter that has arrived. */
export type MailboxMessage = {
  id: string
  /** Whom the mail client named to the server (`RCPT TO`). */
  to: string[]
  from: string
  subject: string
  /** RFC 3339. */
  received_at: string
  text: string
  html: string
  /** Where its text and its HTML lead to, each once. */
  links: string[]
  /** By name in lower case, unfolded but not decoded; those that are repeated, line by line. */
  headers: Record<string, string>
}

export type Mailbox = AsyncDisposable & {
  /** Where letters are delivered to. */
  smtpUrl: string
  /** The newest first, 100 unless `limit` says otherwise; with `to`, those to that address. */
  messages(filter?: { to?: string; limit?: number }): Promise<MailboxMessage[]>
  message(id: string): Promise<MailboxMessage | undefined>
  /** A letter as it came over the wire. */
  raw(id: string): Promise<Buffer | undefined>
  /** Finishes the letters under way and takes no more. */
  close(): Promise<void>
}

const LARGEST = 1024 * 1024 // bytes
const SHOWN = 100 // letters of a list

/**
 * Opens a real SMTP server (RFC 5321) on loopback, for trying the service out: every letter is taken, whoever it is to,
 * and is on disk before the server says so. Nobody signs in to it, and only this machine reaches it.
 *
 * @throws OperatorError when letters can't be kept in `directory`
 */
export async function openMailbox({ directory, logger }: { directory: string; logger: Logger }): Promise<Mailbox> {
  const files = await MailboxFiles.open(directory).catch(error => {
    throw unusable(directory, error)
  })
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    hideSMTPUTF8: true, // addresses are ASCII
    hideENHANCEDSTATUSCODES: false,
    logger: false,
    maxClients: 100,
    maxRecipients: 100,
    name: 'localhost',
    size: LARGEST,
    rejectOversized: true,
    closeTimeout: 1_000, // milliseconds for what is under way at the close
    onData: (stream, session, answer) =>
      void receive(files, stream, session).then(
        id => answer(null, `kept as ${id}`),
        error => {
          logger.warn({ err: error }, 'the mailbox could not keep a letter')
          answer(new SmtpRefusal(error))
        },
      ),
  })
  // A client that goes away in the middle of a command is told of here; without a listener it would end the process.
  server.on('error', error => logger.debug({ err: error }, 'the mailbox lost a client'))
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  const { port } = server.server.address() as AddressInfo

  const message = async (id: string) => {
    const delivery = await files.read(id)
    return delivery && parse(id, delivery)
  }
  const close = () => new Promise<void>(resolve => server.close(resolve))
  return {
    smtpUrl: `smtp://127.0.0.1:${port}`,
    async messages({ to, limit = SHOWN } = {}) {
      const messages = await Promise.all(files.ids(to).slice(0, limit).map(message))
      return messages.filter(found => found !== undefined)
    },
    message,
    raw: async id => (await files.read(id))?.letter,
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function receive(files: MailboxFiles, stream: SMTPServerDataStream, session: SMTPServerSession): Promise<string> {
  const chunks: Buffer[] = []
  // One that is too large is read to its end, as SMTP has it, but not kept; the server refuses it.
  for await (const chunk of stream) if (!stream.sizeExceeded) chunks.push(chunk)
  if (stream.sizeExceeded) return ''
  return files.add({ to: session.envelope.rcptTo.map(({ address }) => address), letter: Buffer.concat(chunks) })
}

/** What the server says when a letter could not be written: try again later (RFC 5321 section 4.2.3). */
class SmtpRefusal extends Error {
  readonly responseCode: number

  constructor(cause: NodeJS.ErrnoException) {
    const isFull = cause.code === 'ENOSPC' || cause.code === 'EDQUOT'
    super(isFull ? 'Insufficient system storage' : 'Local error in processing', { cause })
    this.responseCode = isFull ? 452 : 451
  }
}

async function parse(id: string, { to, letter }: Delivery): Promise<MailboxMessage> {
  const mail = await simpleParser(letter, { skipImageLinks: true, skipTextToHtml: true })
  const { from, subject = '', text = '', html, headerLines } = mail
  const headers: Record<string, string> = {}
  for (const { key, line } of headerLines) {
    const value = line
      .slice(line.indexOf(':') + 1)
      .replace(/\r?\n(?=[ \t])/g, '')
      .trim()
    headers[key] = key in headers ? `${headers[key]}\n${value}` : value
  }
  return {
    id,
    to,
    from: from?.text ?? '',
    subject,
    received_at: arrivalOf(id).toISOString(),
    text,
    html: html || '',
    links: linksIn(text, html || ''),
    headers,
  }
}

function linksIn(text: string, html: string): string[] {
  const inText = (text.match(/https?:\/\/[^\s<>"']+/g) ?? []).map(link => link.replace(/[.,;:!?)\]]+$/, ''))
  const inHtml = [...html.matchAll(/href="(https?:\/\/[^"]+)"/g)].map(([, link = '']) => link.replaceAll('&amp;', '&'))
  return [...new Set([...inText, ...inHtml])]
}

function unusable(directory: string, cause: Error): OperatorError {
  return new OperatorError(
    {
      needed: `a directory for the embedded mailbox that can be made and written to: ${directory}`,
      found: cause.message,
      remedy:
        'make it writable for the user that runs the service, set AUTH_DATA_DIR=… to another data directory, or AUTH_SMTP_URL to a mail server',
    },
    { cause },
  )
}
