import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { selfSignedCertificate } from '../../../support/self-signed-certificate.ts'
import { openSmtpSink, type SmtpSink, type SmtpSinkOptions } from '../../../support/smtp-sink.ts'
import { isDeferred, openStage, type Stage, trySignUp } from '../stage.ts'
import { holdsWithin } from '../waiting.ts'

const PATIENCE = 30 // seconds

export type TlsOutcome = { cases: number; notDeferred: number; toldInTheClear: number; notMended: number }

/** Meets mail servers that offer no TLS where it is required, or a certificate that does not fit, and a mended one. */
export async function requiredTlsHolds(postgresUrl: string, directory: string): Promise<TlsOutcome> {
  const trusted = selfSignedCertificate('localhost')
  const otherHost = selfSignedCertificate('mail.example.org')
  const authorities = join(directory, 'authorities.pem')
  await writeFile(authorities, trusted.cert + otherHost.cert)
  const env = { NODE_EXTRA_CA_CERTS: authorities }
  const outcome: TlsOutcome = { cases: 0, notDeferred: 0, toldInTheClear: 0, notMended: 0 }

  const meet = async (stage: Stage, options: SmtpSinkOptions): Promise<void> => {
    await using sink = await openSmtpSink({ ...options, port: stage.sink.port })
    const { id } = await trySignUp(stage.url)
    outcome.cases++
    if (!(await holdsWithin(PATIENCE, () => isDeferred(stage, id!)))) outcome.notDeferred++
    if (sink.lines.some(line => /^(MAIL|RCPT|DATA)/.test(line)) || sink.letters.length > 0) outcome.toldInTheClear++
  }

  // 0.0.0.0 leads to this machine and is not loopback by name: in the clear is not allowed there.
  const overStarttls = async () => {
    await using stage = await openStage({ postgresUrl, env, smtpUrl: ({ port }) => `smtp://0.0.0.0:${port}` })
    await stage.sink.close()
    await meet(stage, { tls: 'none' })
    await meet(stage, { tls: 'starttls', certificate: trusted }) // of another name
  }
  const overImplicitTls = async () => {
    await using stage = await openStage({
      postgresUrl,
      env,
      mailServer: { tls: 'implicit', certificate: trusted },
      smtpUrl: ({ port }) => `smtps://localhost:${port}`,
    })
    await stage.sink.close()
    await meet(stage, { tls: 'implicit', certificate: selfSignedCertificate('localhost') }) // that nobody vouches for
    await meet(stage, { tls: 'implicit', certificate: otherHost })
    await using mended = await openSmtpSink({ tls: 'implicit', certificate: trusted, port: stage.sink.port })
    if (!(await holdsWithin(PATIENCE, () => areEncrypted(mended, 2)))) outcome.notMended++
  }
  await Promise.all([overStarttls(), overImplicitTls()])
  return outcome
}

const areEncrypted = ({ letters }: SmtpSink, count: number): boolean =>
  letters.filter(({ isEncrypted }) => isEncrypted).length >= count
