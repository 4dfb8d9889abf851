import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { simpleParser } from 'mailparser'
import { PgBoss } from 'pg-boss'
import type { Experiment, Findings, Trial } from '../../../proof/experiment.ts'
import { seededRandom } from '../../../proof/random.ts'
import type { Alteration } from '../../../support/altered-source.ts'
import { newAddress, send, tokenIn } from '../../../support/service.ts'
import type { SmtpSink } from '../../../support/smtp-sink.ts'
import { openStage, type SignUpAttempt, type Stage, trySignUp } from '../stage.ts'
import { holdsWithin, inLanes } from '../waiting.ts'
import { repeatingWorker } from './repeating-worker.ts'

const LANES = 4
const PATIENCE = 60 // seconds
const LONGEST_DELAY = 2 // seconds that a late copy waits at the most

export const duplicateDelivery: Experiment = {
  id: 'F16',
  title: 'Messages that come several times and in any order',
  claim:
    'However often and in whatever order the messages of the queue are delivered, each account is as if they had come ' +
    'once: one letter, or the same one again with the same Message-ID, and nothing confirmed twice.',
  command: 'prove',
  proves: ['R22', 'R88'],
  trials: { short: 40, full: 1_000 },
  run: trial => repeatDeliveries(trial),
}

/** @param alterations of the service, which show that this can fail */
export async function repeatDeliveries(trial: Trial, alterations: Alteration[] = []): Promise<Findings> {
  const { trials, seed, postgresUrl, directory, progress } = trial
  const random = seededRandom(seed)
  await using stage = await openStage({ postgresUrl, alterations: [...repeatingWorker(seed), ...alterations] })
  let done = 0
  const histories = await inLanes(LANES, Math.ceil(trials / 2), async () => {
    const history = await twoSignUps(stage, { confirms: random() < 0.5, asksAgain: random() < 0.5 })
    done += 2
    progress(done)
    return history
  })
  await holdsWithin(PATIENCE, () => isIdle(stage))
  const before = await stateOf(stage)
  const lettersBefore = stage.sink.letters.length

  const copies = await deliverAgain(stage, random)
  const isWorkedOff = await holdsWithin(PATIENCE, () => isIdle(stage))
  const after = await stateOf(stage)

  const received = await messageIdsIn(stage.sink)
  const letters = after.letters.map(({ id }) => ({ id: String(id), ids: received.get(String(id)) ?? [] }))
  const failures = stage.service.output.match(/a message will come again|was parked/g)?.length ?? 0
  const of = letters.length
  const wrong = letters.filter(({ ids }) => new Set(ids).size > new Set(ids.map(kindIn)).size)
  const ofBothKinds = letters.filter(({ ids }) => new Set(ids.map(kindIn)).size > 1)
  await appendFile(join(directory, 'letters.jsonl'), letters.map(one => `${JSON.stringify(one)}\n`).join(''))
  return {
    trials: histories.length * 2,
    unit: 'sign-ups',
    counted: [
      { what: 'letters that never came', count: letters.filter(({ ids }) => ids.length === 0).length, of },
      { what: 'letters that came again with another Message-ID', count: wrong.length, of },
      { what: 'accounts without a letter of their own', count: after.withoutLetter, of: after.accounts.length },
      { what: 'addresses confirmed twice', count: after.confirmedTwice, of: histories.length },
      {
        what: 'confirmations that did not succeed',
        count: histories.filter(({ hasFailed }) => hasFailed).length,
        of: histories.length,
      },
      { what: 'deliveries that failed', count: failures, of: copies },
      {
        what: 'end states that late copies changed',
        count: isDeepStrictEqual(after, before) && isWorkedOff ? 0 : 1,
        of: 1,
      },
      {
        what: 'letters that late copies sent',
        count: stage.sink.letters.length - lettersBefore,
        of: copies,
      },
    ],
    measured: [
      {
        what: 'letters that came again with the same Message-ID, of all',
        value: letters.reduce((sum, { ids }) => sum + Math.max(0, ids.length - 1), 0) / of,
        unit: '',
      },
      {
        what: 'letters that came both as a confirmation letter and as one that tells of the account',
        value: ofBothKinds.length,
        unit: '',
      },
      { what: 'late copies delivered', value: copies, unit: '' },
    ],
    remarks: [
      'Each message was done 2 to 5 times by a worker that was altered for it, up to ten of them at the same time; ' +
        'then 1 to 4 late copies of each were sent in random order, and done as often.',
      'A letter comes as both kinds where it is done twice at the same time and the address is confirmed in between; ' +
        'each of the two is right at its moment.',
      'Only what is done at the same time sends a letter twice: both saw that it had not been sent.',
    ],
  }
}

/** What the letter is for, which its Message-ID names after its id. */
const kindIn = (messageId: string): string => messageId.split('.')[1]?.split('@')[0] ?? ''

/** Two sign-ups of one address, of which the first may be confirmed, and another letter may be asked for. */
async function twoSignUps(stage: Stage, { confirms, asksAgain }: { confirms: boolean; asksAgain: boolean }) {
  const email = newAddress()
  const first = await trySignUp(stage.url, email)
  const second = await trySignUp(stage.url, email)
  if (asksAgain) await send(`${stage.url}/v1/confirmation-letters`, { json: { email } })
  const hasFailed = confirms ? !(await confirm(stage, first)) : false
  return { email, hasFailed: hasFailed || second.outcome !== 'ok' }
}

async function confirm(stage: Stage, { id, email, ticket }: SignUpAttempt): Promise<boolean> {
  let token: string | undefined
  await holdsWithin(PATIENCE, async () => {
    const [letter] = await stage.query('select id from confirmation_letter where account_id = $1 and sign_up', [id])
    const arrived = stage.sink.letters.find(({ to, raw }) => to.includes(email) && letter && raw.includes(letter.id))
    if (arrived) token = tokenIn({ text: (await simpleParser(arrived.raw)).text ?? '' })
    return token !== undefined
  })
  const { status } = await send(`${stage.url}/v1/confirmations`, { json: { token, ticket } })
  return status === 200
}

/** Sends 1 to 4 copies of each message that there was, in random order. @returns how many */
async function deliverAgain(stage: Stage, random: () => number): Promise<number> {
  const messages = await stage.query<{ name: string; data: object }>(
    `select name, data from pgboss.job where name in ('account.created', 'letter.requested', 'letter.requested_by_address')`,
  )
  const copies = messages
    .flatMap(message => Array.from({ length: 1 + Math.floor(random() * 4) }, () => ({ ...message, at: random() })))
    .sort((a, b) => a.at - b.at)
  const boss = new PgBoss({ connectionString: stage.databaseUrl, supervise: false, schedule: false, max: 2 })
  boss.on('error', () => {})
  await boss.start()
  for (const queue of new Set(copies.map(({ name }) => name)))
    await boss.insert(
      queue,
      copies
        .filter(({ name }) => name === queue)
        .map(({ data }) => ({ data, startAfter: Math.floor(random() * (LONGEST_DELAY + 1)) })),
    )
  await boss.stop({ graceful: false })
  return copies.length
}

async function isIdle({ query }: Stage): Promise<boolean> {
  const rows = await query(
    `select 1 from pgboss.job where name in ('account.created', 'letter.requested', 'letter.requested_by_address')
      and state in ('created', 'active', 'retry') limit 1`,
  )
  return rows.length === 0
}

async function stateOf({ query }: Stage) {
  const [row] = await query<{ without: number; twice: number }>(
    `select (select count(*)::int from account where not exists (
        select 1 from confirmation_letter where account_id = account.id and sign_up and sent_at is not null)) as without,
      (select count(*)::int from (
        select 1 from account where confirmed_at is not null group by email having count(*) > 1) as email) as twice`,
  )
  return {
    accounts: await query('select * from account order by id'),
    letters: await query('select * from confirmation_letter order by id'),
    withoutLetter: row!.without,
    confirmedTwice: row!.twice,
  }
}

/** The Message-IDs of the letters that arrived, by the id of the letter that they begin with. */
async function messageIdsIn({ letters }: SmtpSink): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>()
  for (const { raw } of letters) {
    const [, messageId = '', id = ''] = /^message-id:\s*(<([0-9a-f-]{36})[^>]*>)/im.exec(raw) ?? []
    found.set(id, [...(found.get(id) ?? []), messageId])
  }
  return found
}
