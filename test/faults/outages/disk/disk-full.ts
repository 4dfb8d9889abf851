import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Experiment, Findings, Trial } from '../../../proof/experiment.ts'
import type { Alteration } from '../../../support/altered-source.ts'
import { exchange, PASSWORD, type SignedUp, send, signIn, tokenIn } from '../../../support/service.ts'
import { letterIn } from '../../../support/sink-letters.ts'
import { openStage, type SignUpAttempt, type Stage, trySignUp } from '../stage.ts'
import { holdsWithin, inLanes, quantile } from '../waiting.ts'
import { openSmallDisk } from './small-disk.ts'

const LANES = 4
const SIGN_UPS_AN_EXCHANGE = 10
const FULL_TIMES = 3
const PATIENCE = 90 // seconds

/** A session whose client exchanges its refresh token again and again, with the same one after a 503. */
type Chain = { token: string; refusals: string[]; exchanges: number }

export const diskFull: Experiment = {
  id: 'F14',
  title: 'The disk of the database is full',
  claim:
    'While the disk is full, requests are answered with 503 or succeed; nothing that was answered is lost, nothing is ' +
    'torn, and when there is space the service goes on by itself.',
  command: 'prove',
  proves: ['R86', 'R88'],
  trials: { short: 60, full: 600 },
  run: trial => fillDisk(trial),
}

/** @param alterations of the service, which show that this can fail */
export async function fillDisk(trial: Trial, alterations: Alteration[] = []): Promise<Findings> {
  const { trials, postgresUrl, directory, progress } = trial
  await using disk = await openSmallDisk(postgresUrl)
  await using stage = await openStage({ postgresUrl: disk.postgresUrl, alterations })
  const chain = await openChain(stage)
  const before = await inLanes(LANES, 20, () => trySignUp(stage.url))
  const whileFull: SignUpAttempt[] = []
  const recoveries: { attempts: SignUpAttempt[]; milliseconds: number }[] = []
  for (let times = 0; times < FULL_TIMES; times++) {
    await disk.fill(stage.databaseUrl)
    const count = Math.ceil(trials / FULL_TIMES)
    const [attempts] = await Promise.all([
      inLanes(LANES, count, () => trySignUp(stage.url)),
      inLanes(1, Math.ceil(count / SIGN_UPS_AN_EXCHANGE), () => exchangeNext(stage, chain)),
    ])
    whileFull.push(...attempts)
    await disk.free(stage.databaseUrl)
    recoveries.push(await recover(stage))
    progress(whileFull.length)
  }
  await exchangeNext(stage, chain)
  const refused = whileFull.filter(({ outcome }) => outcome !== 'ok')
  if (refused.length === 0) throw new Error('Nothing was refused, so the disk was never full')

  const all = [...before, ...whileFull, ...recoveries.flatMap(({ attempts }) => attempts)]
  await appendFile(join(directory, 'sign-ups.jsonl'), all.map(one => `${JSON.stringify(one)}\n`).join(''))
  const accepted = all.filter(({ outcome }) => outcome === 'ok')
  const arrived = () => new Set(stage.sink.letters.flatMap(({ to }) => to))
  await holdsWithin(PATIENCE, () => accepted.every(({ email }) => arrived().has(email)))
  const letters = arrived()
  const present = new Set((await stage.query<{ email: string }>('select email from account')).map(row => row.email))
  return {
    trials: whileFull.length,
    unit: 'sign-ups on a full disk',
    counted: [
      {
        what: 'answers that were neither the success nor a problem document with 503',
        count: all.filter(one => one.outcome !== 'ok' && !(one.status === 503 && one.code !== undefined)).length,
        of: all.length,
      },
      {
        what: 'accepted sign-ups without an account',
        count: accepted.filter(({ email }) => !present.has(email)).length,
        of: accepted.length,
      },
      {
        what: 'accepted sign-ups without a letter',
        count: accepted.filter(({ email }) => !letters.has(email)).length,
        of: accepted.length,
      },
      {
        what: 'refused sign-ups that left an account',
        count: refused.filter(({ email }) => present.has(email)).length,
        of: refused.length,
      },
      { what: 'accounts without a message', count: await accountsWithoutMessage(stage), of: present.size },
      { what: 'refresh tokens that were called invalid', count: chain.refusals.length, of: chain.exchanges },
      { what: 'ends of the process', count: stage.service.child.exitCode === null ? 0 : 1, of: FULL_TIMES },
      {
        what: 'times that the service did not go on when there was space',
        count: recoveries.filter(({ attempts }) => attempts.at(-1)?.outcome !== 'ok').length,
        of: FULL_TIMES,
      },
    ],
    measured: [
      {
        what: 'from space to the first sign-up that succeeded, at the most',
        value: Math.max(...recoveries.map(({ milliseconds }) => milliseconds)),
        unit: 'ms',
      },
      { what: 'sign-ups refused while the disk was full', value: refused.length, unit: '' },
      {
        what: 'time of a refusal, p99',
        value: quantile(
          refused.map(({ milliseconds }) => milliseconds),
          0.99,
        ),
        unit: 'ms',
      },
    ],
    remarks: [disk.way],
  }
}

async function recover(stage: Stage) {
  const began = performance.now()
  const attempts: SignUpAttempt[] = []
  while (attempts.at(-1)?.outcome !== 'ok' && performance.now() - began < PATIENCE * 1_000) {
    attempts.push(await trySignUp(stage.url))
    await pause(10)
  }
  return { attempts, milliseconds: performance.now() - began }
}

async function openChain(stage: Stage): Promise<Chain> {
  const signedUp = await trySignUp(stage.url)
  const { text } = await letterIn(stage.sink, signedUp.email)
  const json = { token: tokenIn({ text }), ticket: signedUp.ticket }
  await send(`${stage.url}/v1/confirmations`, { json })
  return { token: await signIn(stage, { ...signedUp, password: PASSWORD } as SignedUp), refusals: [], exchanges: 0 }
}

async function exchangeNext(stage: Stage, chain: Chain): Promise<void> {
  chain.exchanges++
  const { status, body, text } = await exchange(stage, chain.token)
  if (status === 200) chain.token = body.refresh_token
  else if (status !== 503) chain.refusals.push(text)
}

async function accountsWithoutMessage({ query }: Stage): Promise<number> {
  const [row] = await query<{ count: number }>(
    `select count(*)::int as count from account where not exists (
      select 1 from pgboss.job where name = 'account.created' and data->>'account_id' = account.id::text)`,
  )
  return row!.count
}
