import { setTimeout as pause } from 'node:timers/promises'
import { simpleParser } from 'mailparser'
import { openSmtpSink } from '../../../support/smtp-sink.ts'
import { CuttingProxy } from '../cutting-proxy.ts'
import { openStage, type SignUpAttempt, type Stage, trySignUp } from '../stage.ts'
import { atRate, holdsWithin } from '../waiting.ts'
import type { OutageMode } from './smtp-outage-modes.ts'

export type OutageRun = {
  mode: string
  /** What was signed up before, during and after; times are seconds since the run began. */
  signUps: { at: number; during: Phase; attempt: SignUpAttempt }[]
  outage: { from: number; to: number }
  /** Letters that were not sent yet, over time. */
  backlog: [at: number, letters: number][]
  /** Seconds from the end of the outage until all letters were sent, or nobody waited for them any more. */
  drainedIn: number
  lost: string[]
  withoutLetter: number
  duplicates: number
  duplicatesWithOtherIds: number
  connections: number
  tries: { retries: number; seconds: number }[]
}

type Phase = 'before' | 'outage' | 'after'

const AROUND = 0.1 // of the outage's length, before it and after it
const SAMPLE = 500 // milliseconds
const PATIENCE = 90 // seconds that the backlog has beyond twice the length of the outage

/** Signs up steadily while the mail server is there, is away in one way, and is there again, until nothing waits. */
export async function runOutage(
  mode: OutageMode,
  options: {
    postgresUrl: string
    seconds: number
    perSecond: number
    /** Waits for the runs that go on at the same time, so that their start disturbs none. */
    begin(): Promise<void>
  },
): Promise<OutageRun> {
  const { postgresUrl, seconds, perSecond, begin } = options
  await using sink = await openSmtpSink()
  await using proxy = new CuttingProxy(sink.port)
  await proxy.open()
  await using stage = await openStage({ postgresUrl, smtpUrl: () => `smtp://127.0.0.1:${proxy.port}` })
  await begin()
  const began = performance.now()
  const now = () => (performance.now() - began) / 1_000
  const signUps: OutageRun['signUps'] = []
  const phase = async (during: Phase, length: number) => {
    await atRate({ perSecond, count: Math.max(2, Math.round(length * perSecond)) }, async () => {
      const at = now()
      signUps.push({ at, during, attempt: await trySignUp(stage.url) })
    })
  }
  const watching = new AbortController()
  const backlog: OutageRun['backlog'] = []
  const watched = watchBacklog(stage, watching.signal, letters => void backlog.push([now(), letters]))

  await phase('before', AROUND * seconds)
  await mode.begin({ sink, proxy })
  const [from, connectionsBefore] = [now(), proxy.connections]
  await phase('outage', seconds)
  await pause(Math.max(0, from + seconds - now()) * 1_000)
  await mode.end({ sink, proxy })
  const [to, connections] = [now(), proxy.connections - connectionsBefore]
  await phase('after', AROUND * seconds)
  await holdsWithin(2 * seconds + PATIENCE, async () => (await unsentLetters(stage)) === 0)
  const drainedIn = Math.max(0, (backlog.findLast(([, letters]) => letters > 0)?.[0] ?? to) - to)
  watching.abort()
  await watched

  const accepted = signUps.filter(({ attempt }) => attempt.outcome === 'ok').map(({ attempt }) => attempt.email)
  const idsOf = new Map(accepted.map(email => [email, [] as string[]]))
  for (const {
    to: [email = ''],
    raw,
  } of sink.letters)
    idsOf.get(email)?.push((await simpleParser(raw)).messageId ?? 'none')
  const received = [...idsOf.values()]
  return {
    mode: mode.name,
    signUps,
    outage: { from, to },
    backlog,
    drainedIn,
    lost: accepted.filter(email => idsOf.get(email)?.length === 0),
    withoutLetter: await unsentLetters(stage),
    duplicates: received.reduce((sum, ids) => sum + Math.max(0, ids.length - 1), 0),
    duplicatesWithOtherIds: received.filter(ids => new Set(ids).size > 1).length,
    connections,
    tries: await stage.query<{ retries: number; seconds: number }>(
      `select retry_count as retries, extract(epoch from coalesce(completed_on, now()) - created_on)::float as seconds
        from pgboss.job where name = 'account.created'`,
    ),
  }
}

async function unsentLetters({ query }: Stage): Promise<number> {
  const [row] = await query<{ count: number }>(
    `select count(*)::int as count from account where not exists (
      select 1 from confirmation_letter where account_id = account.id and sent_at is not null)`,
  )
  return row!.count
}

async function watchBacklog(stage: Stage, signal: AbortSignal, note: (letters: number) => void): Promise<void> {
  while (!signal.aborted) {
    note(await unsentLetters(stage))
    await pause(SAMPLE, undefined, { signal }).catch(() => {})
  }
}
