import SMTPConnection from 'nodemailer/lib/smtp-connection'
import { mailErrorOf } from './mail-error.ts'
import type { SmtpServer } from './smtp-url.ts'

/** How the SMTP client connects to a server; nothing takes longer than a minute, which a lease on a letter has to. */
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

/**
 * Greets the server and signs in, as for a letter, and takes leave.
 *
 * @param signal ends it at once
 * @throws MailError
 */
export async function probe(server: SmtpServer, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const connection = new SMTPConnection(connectionOptions(server))
  const close = () => connection.close()
  connection.on('error', reject)
  connection.once('end', () => reject(new Error('the connection was closed')))
  signal.addEventListener('abort', close)
  connection.connect(error => {
    if (error) reject(error)
    else if (!server.credentials || !connection.allowsAuth) resolve()
    else connection.login({ credentials: server.credentials }, failure => (failure ? reject(failure) : resolve()))
  })
  try {
    await promise
    connection.quit()
  } catch (error) {
    connection.close()
    throw mailErrorOf(error)
  } finally {
    signal.removeEventListener('abort', close)
  }
}
