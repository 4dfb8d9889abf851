import SMTPConnection from 'nodemailer/lib/smtp-connection'
import { MailError, mailErrorOf } from './mail-error.ts'
import type { SmtpServer } from './smtp-url.ts'

/** How the SMTP client connects to a server. None of its limits is one of the whole, which whoever connects sets. */
export function connectionOptions({ host, port, tls }: SmtpServer) {
  return {
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    tls: { minVersion: 'TLSv1.2', rejectUnauthorized: true },
    connectionTimeout: 10_000, // milliseconds, from the name lookup to the end of TLS
    greetingTimeout: 10_000,
    socketTimeout: 30_000, // of silence
    socketCloseTimeout: 1_000,
  } as const
}

const LONGEST_PROBE = 50_000 // milliseconds; as an email, since a server that keeps sending is never silent
const LONGEST_FAREWELL = 1_000 // milliseconds

/**
 * Makes the question whether a server takes letters: it greets it and signs in, as for a letter, and takes leave. The
 * next question waits until the connection of the last one is closed, so that a mailer never has more than one for them.
 *
 * @param signal ends it at once
 * @returns what throws MailError when the server takes none
 */
export function createProbe(server: SmtpServer, signal: AbortSignal): () => Promise<void> {
  let left: Promise<void> | undefined
  return async () => {
    await left
    if (signal.aborted) throw new MailError('temporary', 'the service stops')
    const connection = new SMTPConnection(connectionOptions(server))
    const ended = Promise.withResolvers<void>()
    left = ended.promise
    const close = () => connection.close()
    signal.addEventListener('abort', close)
    connection.once('end', () => {
      signal.removeEventListener('abort', close)
      ended.resolve()
    })
    try {
      await signIn(connection, server)
    } catch (error) {
      close()
      throw mailErrorOf(error)
    }
    connection.quit()
    setTimeout(close, LONGEST_FAREWELL).unref()
  }
}

async function signIn(connection: SMTPConnection, { credentials }: SmtpServer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  connection.on('error', reject)
  connection.once('end', () => reject(new Error('the connection was closed')))
  const tooLong = () => reject(Object.assign(new Error('the sign-in has not ended in time'), { code: 'ETIMEDOUT' }))
  const deadline = setTimeout(tooLong, LONGEST_PROBE)
  connection.connect(error => {
    if (error) reject(error)
    else if (!credentials || !connection.allowsAuth) resolve()
    else connection.login({ credentials }, failure => (failure ? reject(failure) : resolve()))
  })
  await promise.finally(() => clearTimeout(deadline))
}
