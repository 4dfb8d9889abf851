import { randomUUID } from 'node:crypto'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { PgBoss } from 'pg-boss'
import type { Experiment, Findings, Trial } from '../../../proof/experiment.ts'
import { seededRandom } from '../../../proof/random.ts'
import type { Alteration } from '../../../support/altered-source.ts'
import { openStage, type Stage, trySignUp } from '../stage.ts'
import { atRate, holdsWithin, quantile } from '../waiting.ts'
import { type Poison, poison, type QueueName } from './poison-payloads.ts'

const AT_ONCE = 50 // messages
const PER_SECOND = 100 // messages
const SIGN_UPS = 5 // a second
const PATIENCE = 60 // seconds

type Sent = Poison & { id: string }
type Found = { id: string; state: string; retries: number; is_parked: boolean }

export const poisonMessages: Experiment = {
  id: 'F5',
  title: 'Poison in the queue',
  claim:
    'A message of no known shape is parked after one attempt, whatever it holds; the worker goes on, and the letters ' +
    'of those who sign up meanwhile are not late.',
  command: 'prove',
  proves: ['R88'],
  trials: { short: 300, full: 10_000 },
  run: trial => poisonQueue(trial),
}

/** @param alterations of the service, which show that this can fail */
export async function poisonQueue(trial: Trial, alterations: Alteration[] = []): Promise<Findings> {
  const { trials, seed, postgresUrl, directory, progress } = trial
  await using stage = await openStage({ postgresUrl, alterations })
  await using poisoner = await openPoisoner(stage, seed)
  const seconds = Math.max(3, trials / PER_SECOND)
  const healthy = atRate({ perSecond: SIGN_UPS, count: Math.ceil(seconds * SIGN_UPS) }, () => trySignUp(stage.url))
  const sent: Sent[] = []
  await atRate({ perSecond: PER_SECOND / AT_ONCE, count: Math.ceil(trials / AT_ONCE) }, async () => {
    sent.push(...(await poisoner.send(AT_ONCE)))
    progress(sent.length)
  })
  const signUps = await healthy
  const isSettled = await holdsWithin(PATIENCE, async () => (await unsettled(stage)) === 0)
  const found = new Map((await fatesOf(stage)).map(one => [one.id, one]))
  const deviations = sent.filter(one => fateOf(found.get(one.id)) !== one.fate)
  await appendFile(
    join(directory, 'poison.jsonl'),
    deviations.map(one => `${JSON.stringify({ ...one, found: found.get(one.id) })}\n`).join(''),
  )
  const delays = await deliveryTimes(stage)
  const accepted = signUps.filter(({ outcome }) => outcome === 'ok')
  const parked = sent.filter(({ fate }) => fate === 'parked')
  return {
    trials: sent.length,
    unit: 'poison messages',
    counted: [
      { what: 'messages that came to another end', count: deviations.length, of: sent.length },
      {
        what: 'parked messages that were tried more than once',
        count: parked.filter(({ id }) => found.get(id)?.retries !== 0).length,
        of: parked.length,
      },
      { what: 'ends of the process', count: stage.service.child.exitCode === null ? 0 : 1, of: sent.length },
      { what: 'backlogs that were never worked off', count: isSettled ? 0 : 1, of: 1 },
      { what: 'sign-ups that were refused', count: signUps.length - accepted.length, of: signUps.length },
      { what: 'sign-ups without a letter', count: accepted.length - delays.length, of: accepted.length },
    ],
    measured: [
      {
        what: 'from a sign-up to its letter, p99, between the poison',
        value: quantile(delays, 0.99),
        unit: 'ms',
        promised: { below: 2_000 },
      },
      { what: 'from a sign-up to its letter, median', value: quantile(delays, 0.5), unit: 'ms' },
    ],
    remarks: [
      `${PER_SECOND} poison messages a second among ${SIGN_UPS} sign-ups a second.`,
      'A message of a later version is not parked: it waits for a newer process, and is looked at again every 5 minutes at the most often.',
    ],
  }
}

/** A client of the queue that sends what the service never would. */
async function openPoisoner(stage: Stage, seed: number) {
  const random = seededRandom(seed)
  const boss = new PgBoss({ connectionString: stage.databaseUrl, supervise: false, schedule: false, max: 2 })
  boss.on('error', () => {})
  await boss.start()
  const first = await trySignUp(stage.url)
  let letterId: string | undefined
  while (!letterId) {
    const [letter] = await stage.query<{ id: string }>('select id from confirmation_letter where sent_at is not null')
    letterId = letter?.id
    await pause(20)
  }
  const other: Record<QueueName, string> = { 'account.created': letterId, 'letter.requested': first.id! }
  return {
    async send(count: number): Promise<Sent[]> {
      const all = Array.from({ length: count }, () => ({ id: randomUUID(), ...poison(random, other) }))
      for (const queue of ['account.created', 'letter.requested'] as const) {
        const messages = all.filter(one => one.queue === queue)
        await boss.insert(
          queue,
          messages.map(({ id, data }) => ({ id, data: data as object })),
        )
      }
      return all
    },
    [Symbol.asyncDispose]: () => boss.stop({ graceful: false }),
  }
}

async function unsettled({ query }: Stage): Promise<number> {
  const [row] = await query<{ count: number }>(
    `select count(*)::int as count from pgboss.job
      where name in ('account.created', 'letter.requested') and state in ('created', 'active')`,
  )
  return row!.count
}

async function fatesOf({ query }: Stage): Promise<Found[]> {
  return await query<Found>(
    `select id, state::text, retry_count as retries, exists (
        select 1 from pgboss.job parked where parked.name = 'parked' and parked.source_id = job.id) as is_parked
      from pgboss.job where name in ('account.created', 'letter.requested')`,
  )
}

function fateOf(found: Found | undefined): Poison['fate'] | undefined {
  if (!found) return undefined
  if (found.is_parked) return 'parked'
  if (found.state === 'completed') return 'settled'
  return found.state === 'failed' || found.state === 'cancelled' ? undefined : 'waits'
}

async function deliveryTimes({ query }: Stage): Promise<number[]> {
  const rows = await query<{ ms: number }>(
    `select extract(epoch from sent_at - created_at)::float * 1000 as ms
      from account join confirmation_letter on account_id = account.id
      where sign_up and sent_at is not null order by created_at offset 1`, // after the one before the poison
  )
  return rows.map(({ ms }) => ms)
}
