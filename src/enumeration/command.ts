import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { OperatorError } from '../operator-error.ts'
import { isLoopback, parseInteger, parseOrigin } from '../settings.ts'
import { type AuditOptions, audit, planOf } from './audit.ts'
import { jsonOf } from './client.ts'
import { ProgressBar } from './progress.ts'
import { jsonReport, textReport } from './report.ts'

export const USAGE = `auth-service audit enumeration --url <origin> [options]

Asks a running service, from outside, whether strangers can find out who has an account: it compares status, headers,
body, letters and latency for addresses that are unknown, unconfirmed and confirmed.

It makes accounts and letters, and says how many first. Confirmed accounts stay; the others go after seven days.

  --url <origin>         the service, such as https://auth.example.com
  --samples <n>          of each class at each endpoint, for the latency (default: 2000)
  --no-latency           compare the answers alone; takes seconds
  --domain <domain>      whose addresses are made up (default: example.com, where the service has a mailbox)
  --confirmed <address>  a confirmed account of yours, for a service with a mail server; its password is the first line
                         of the standard input. Repeat it for several with the same password.
  --ignore-header <name> that differs with each answer, such as one of a proxy; may be repeated
  --yes                  make the accounts and letters, on a service that is not on this machine
  --json                 print the findings as JSON

A service with the embedded mailbox needs no --domain and no --confirmed: letters go nowhere else, and addresses are
confirmed through it. With a real mail server, --domain has to take letters to any address.
For the latency, start a test instance with AUTH_RATE_LIMITS=off: limits by network would stretch it for hours.

Exit code: 0 when nothing can be told apart, 1 when something can, 2 when it could not be found out.`

export type CommandStreams = { stdin: NodeJS.ReadStream; stdout: NodeJS.WriteStream; stderr: NodeJS.WriteStream }

const CANNOT_BE_TOLD_APART = 0
const TOLD_APART = 1
export const NOT_FOUND_OUT = 2

/**
 * `auth-service audit enumeration`.
 * @returns the exit code
 * @throws OperatorError on wrong usage, and when the service cannot be asked; its exit code is {@link NOT_FOUND_OUT}
 */
export async function enumerationCommand(args: string[], streams: CommandStreams): Promise<number> {
  const values = parse(args)
  if (values.help) {
    streams.stdout.write(`${USAGE}\n`)
    return CANNOT_BE_TOLD_APART
  }
  const options = await optionsOf(values, streams.stdin)
  const progress = new ProgressBar(streams.stderr)
  const { accounts, letters } = planOf(options)
  const text = (count: number) => count.toLocaleString('en')
  const plan = `about ${text(accounts)} accounts and ${text(letters)} letters at ${options.origin}`
  if (!values.yes && !isLoopback(new URL(options.origin).hostname))
    throw wrongUsage('--yes, since the service is not on this machine', `none; the audit would make ${plan}`)
  progress.say(`This makes ${plan}.`)

  let hasWaited = false
  const findings = await audit(options, {
    progress: (done, total) => progress.show(done, total),
    wait(answer, seconds) {
      if (hasWaited) return
      hasWaited = true
      progress.say(
        `The service answers ${answer.status} ${jsonOf(answer)?.code ?? ''}; waiting for ${seconds} s, and so on from ` +
          'now on. On a test instance, AUTH_RATE_LIMITS=off ends the limits by network.',
      )
    },
  })
  streams.stdout.write(`${values.json ? jsonReport(findings) : textReport(findings)}\n`)
  return findings.isToldApart ? TOLD_APART : CANNOT_BE_TOLD_APART
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        url: { type: 'string' },
        domain: { type: 'string' },
        confirmed: { type: 'string', multiple: true, default: [] },
        samples: { type: 'string', default: '2000' },
        'no-latency': { type: 'boolean', default: false },
        'ignore-header': { type: 'string', multiple: true, default: [] },
        yes: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    throw wrongUsage('the options that this command has', (error as Error).message.split('. ')[0]!)
  }
}

async function optionsOf(values: ReturnType<typeof parse>, stdin: NodeJS.ReadStream): Promise<AuditOptions> {
  if (!values.url) throw wrongUsage('--url, the origin of the service', 'none')
  const checked = <Value>(name: string, text: string, read: (text: string) => Value): Value => {
    try {
      return read(text)
    } catch (error) {
      throw wrongUsage(`${name}: ${(error as Error).message}`, JSON.stringify(text))
    }
  }
  const origin = checked('--url', values.url, parseOrigin)
  const samples = checked('--samples', values.samples, text => parseInteger(text, { min: 2, max: 100_000 }))
  const faulty = values.confirmed.find(address => !/^[^@\s]+@[^@\s]+$/.test(address))
  if (faulty !== undefined) throw wrongUsage('--confirmed with an e-mail address', JSON.stringify(faulty))
  const password = values.confirmed.length > 0 ? await firstLine(stdin) : ''
  return {
    origin,
    domain: values.domain,
    ownAccounts: values.confirmed.map(email => ({ email: email.toLowerCase(), password })),
    samples: values['no-latency'] ? 0 : samples,
    ignoredHeaders: values['ignore-header'].map(name => name.toLowerCase()),
  }
}

// Arguments show in the list of processes and in the history of the shell; what is typed on a terminal shows there.
async function firstLine(stdin: NodeJS.ReadStream): Promise<string> {
  if (stdin.isTTY)
    throw wrongUsage('the password of the --confirmed account as the first line of the standard input', 'a terminal')
  using lines = createInterface({ input: stdin })
  for await (const line of lines) if (line !== '') return line
  throw wrongUsage('the password of the --confirmed account as the first line of the standard input', 'no line')
}

const wrongUsage = (needed: string, found: string) =>
  new OperatorError({ needed, found, remedy: 'auth-service audit enumeration --help tells what each option does' })
