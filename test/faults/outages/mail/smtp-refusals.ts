import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Experiment, Findings, Trial } from '../../../proof/experiment.ts'
import { seededRandom } from '../../../proof/random.ts'
import type { Alteration } from '../../../support/altered-source.ts'
import { newAddress } from '../../../support/service.ts'
import { openSmtpSink } from '../../../support/smtp-sink.ts'
import { isDeferred, letterStateOf, openStage, type Stage, trySignUp } from '../stage.ts'
import { holdsWithin } from '../waiting.ts'
import { requiredTlsHolds } from './required-tls.ts'
import { CELLS, type Cell, type Fate } from './smtp-refusal-cells.ts'

const CREDENTIALS = { user: 'service', pass: 'secret' }
const LANES = 4
const PATIENCE = 30 // seconds

export const smtpRefusals: Experiment = {
  id: 'F4',
  title: 'Refusals of the mail server',
  claim:
    'A letter whose address the mail server refuses is tried once and told as undeliverable; any other refusal, ' +
    'and a server without the required TLS, only defers it.',
  command: 'prove',
  proves: ['R20'],
  trials: { short: 10, full: CELLS.length },
  run: trial => tryRefusals(trial),
}

/** @param alterations of the service, which show that this can fail */
export async function tryRefusals(trial: Trial, alterations: Alteration[] = []): Promise<Findings> {
  const { trials, seed, postgresUrl, directory, progress } = trial
  const waiting = shuffled(CELLS, seed).slice(0, trials)
  const outcomes: Outcome[] = []
  let done = 0
  const lane = async () => {
    await using stage = await openStage({
      postgresUrl,
      alterations,
      mailServer: { credentials: CREDENTIALS },
      smtpUrl: ({ port }) => `smtp://${CREDENTIALS.user}:${CREDENTIALS.pass}@127.0.0.1:${port}`,
    })
    await stage.sink.close() // each cell brings its own, so that no connection of the one before is left
    const recipients: string[] = []
    const own: Outcome[] = []
    for (let cell = waiting.pop(); cell; cell = waiting.pop()) {
      own.push(await tryCell(stage, cell, recipients))
      progress(++done)
    }
    for (const outcome of own) outcome.attempts = recipients.filter(line => line.includes(`<${outcome.email}>`)).length
    outcomes.push(...own)
  }
  const [tls] = await Promise.all([
    requiredTlsHolds(postgresUrl, directory),
    ...Array.from({ length: Math.min(LANES, Math.ceil(trials / 5)) }, lane),
  ])
  await appendFile(join(directory, 'refusals.jsonl'), outcomes.map(outcome => `${JSON.stringify(outcome)}\n`).join(''))
  const refused = outcomes.filter(({ fate }) => fate === 'undeliverable')
  const deferred = outcomes.filter(({ fate }) => fate === 'deferred')
  return {
    trials: outcomes.length + tls.cases,
    unit: 'refusals',
    counted: [
      {
        what: 'refusals that were taken for another kind',
        count: outcomes.filter(({ fate, found }) => fate !== found).length,
        of: outcomes.length,
      },
      {
        what: 'letters to refused addresses that were tried more than once',
        count: refused.filter(({ attempts }) => attempts !== 1).length,
        of: refused.length,
      },
      {
        what: 'deferred letters that did not arrive once the server took them',
        count: deferred.filter(({ hasArrived }) => !hasArrived).length,
        of: deferred.length,
      },
      {
        what: 'letters that were not deferred where the required TLS was missing or the certificate did not fit',
        count: tls.notDeferred,
        of: tls.cases,
      },
      {
        what: 'senders, recipients and letters told to a server without the required TLS',
        count: tls.toldInTheClear,
        of: tls.cases,
      },
      {
        what: 'letters that did not arrive once the certificate did fit',
        count: tls.notMended,
        of: 1,
      },
    ],
    measured: [],
    remarks: [
      'Without an enhanced status code, only 550, 551 and 553 in answer to RCPT are about the address; ' +
        'any other permanent answer is tried again for 48 hours, since an operator can mend it.',
    ],
  }
}

type Outcome = Cell & { email: string; found: Fate | 'neither'; attempts: number; hasArrived: boolean }

async function tryCell(stage: Stage, cell: Cell, recipients: string[]): Promise<Outcome> {
  const { port } = stage.sink
  await using sink = await openSmtpSink({ port, credentials: CREDENTIALS, replies: { [cell.verb]: cell.reply } })
  const email = newAddress()
  const { id, ticket } = await trySignUp(stage.url, email)
  if (!id || !ticket) throw new Error('a sign-up was refused while the mail server was')
  const found = await fateOf(stage, { id, ticket })
  delete sink.replies[cell.verb]
  const hasArrived =
    found === 'deferred' &&
    (await holdsWithin(PATIENCE, async () => (await letterStateOf(stage.url, ticket)) === 'sent')) &&
    sink.letters.some(({ to }) => to.includes(email))
  recipients.push(...sink.lines.filter(line => line.startsWith('RCPT')))
  return { ...cell, email, found, attempts: 0, hasArrived }
}

async function fateOf(stage: Stage, { id, ticket }: { id: string; ticket: string }): Promise<Fate | 'neither'> {
  for (const deadline = Date.now() + PATIENCE * 1_000; Date.now() < deadline; await pause(50)) {
    if ((await letterStateOf(stage.url, ticket)) === 'undeliverable') return 'undeliverable'
    if (await isDeferred(stage, id)) return 'deferred'
  }
  return 'neither'
}

function shuffled<T>(values: readonly T[], seed: number): T[] {
  const random = seededRandom(seed)
  return values
    .map(value => ({ value, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value)
}
