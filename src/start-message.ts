import { resolve } from 'node:path'
import type { Config } from './config.ts'
import type { Service } from './service.ts'

/** What is printed when the service has started: where things are, and what to try next. */
export function startMessage(config: Config, { publicUrl, metricsUrl, mailbox }: Service): string {
  const modules = [...config.modules].join(' and ')
  const rows: [string, string | undefined][] = [
    ['Service', `${publicUrl} (${modules})`],
    ['Docs', `${publicUrl}/docs`],
    ['Mailbox', mailbox && `${publicUrl}/mailbox`],
    ['Letters', mailbox ? undefined : config.smtp && `by ${config.smtp.host}:${config.smtp.port}`],
    ['Data', config.databaseUrl ? `PostgreSQL at ${new URL(config.databaseUrl).host}` : resolve(config.dataDirectory)],
    ['Metrics', metricsUrl],
  ]
  const warning = config.mailboxForced
    ? '\nAUTH_MAILBOX=on: whoever can reach this service can read every letter, and so confirm any address.\n'
    : ''
  const next = mailbox
    ? `\nTry it: sign up at ${publicUrl}/sign-up, then open the letter in ${publicUrl}/mailbox.\n`
    : ''
  const lines = rows.flatMap(([name, value]) => (value ? [`  ${name.padEnd(9)}${value}`] : []))
  return `The auth service is running.\n\n${lines.join('\n')}\n${next}${warning}`
}
