import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { confirmedAccount } from '../measuring/accounts.ts'
import { percentile } from '../measuring/statistics.ts'
import type { Counted, Experiment, Findings, Line, Measured, Plot, Trial } from '../proof/experiment.ts'
import type { Alteration } from '../support/altered-source.ts'
import { createDatabase } from '../support/postgres.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { SECRET_KEY, type SignedUp, signIn } from '../support/service.ts'
import { CLIENTS, type FloodOutcome, NETWORKS, runFlood } from './flood-run.ts'

const SESSIONS = 60
const KNOWN = 20
const LIMITS = ['off', 'on'] as const

/** Refreshes and memory while a thousand clients sign in without end. Its trials are seconds of the flood. */
export const signInFlood: Experiment = {
  id: 'F9',
  title: 'Flood of sign-ins',
  claim:
    `While ${CLIENTS.toLocaleString('en')} clients sign in without end, no refresh fails or becomes slow, whoever ` +
    'signs in honestly is served, and memory stays bounded.',
  command: 'prove',
  proves: ['R31', 'R37'],
  trials: { short: 2, full: 45 },
  isDurable: true,
  run: trial => runSignInFlood(trial),
}

/** @param alterations of the service's source, to see that what breaks the claim is found */
export async function runSignInFlood(trial: Trial, alterations: Alteration[] = []): Promise<Findings> {
  await using database = await createDatabase(trial.postgresUrl)
  await using directory = await emptyDirectory()
  const settings = { AUTH_DATABASE_URL: database.url, AUTH_SECRET_KEY: SECRET_KEY, AUTH_DATA_DIR: directory.path }
  const prepared = await prepare(settings)
  const outcomes: Outcomes = new Map()
  for (const [index, limits] of LIMITS.entries()) {
    const outcome = await runFlood({
      settings: { ...settings, AUTH_RATE_LIMITS: limits },
      alterations,
      tokens: prepared.tokens.slice(index * SESSIONS, (index + 1) * SESSIONS),
      person: prepared.accounts[0]!,
      known: prepared.accounts.map(({ email }) => email),
      duration: trial.trials,
      seed: trial.seed,
      progress: seconds => trial.progress((index * trial.trials + seconds) / LIMITS.length, `limits ${limits}`),
    })
    outcomes.set(limits, outcome)
    keep(trial, limits, outcome)
  }
  return findingsOf(outcomes)
}

type Outcomes = Map<(typeof LIMITS)[number], FloodOutcome>

/** Accounts and sessions, made before there are limits. */
async function prepare(settings: Record<string, string>): Promise<{ accounts: SignedUp[]; tokens: string[] }> {
  await using service = new ServiceProcess({ ...settings, AUTH_RATE_LIMITS: 'off' })
  const url = await service.started()
  const accounts: SignedUp[] = []
  while (accounts.length < KNOWN) accounts.push(await confirmedAccount({ url }))
  const tokens: string[] = []
  while (tokens.length < SESSIONS * LIMITS.length)
    tokens.push(await signIn({ url }, accounts[tokens.length % accounts.length]!))
  await service.kill('SIGTERM')
  return { accounts, tokens }
}

function keep(
  { directory }: Trial,
  limits: string,
  { refreshes, signIns, flood, memory, from, to }: FloodOutcome,
): void {
  const file = join(directory, `limits-${limits}.jsonl`)
  const lines = [{ flood, from, to }, ...signIns, ...refreshes, ...memory.samples]
  appendFileSync(file, `${lines.map(line => JSON.stringify(line)).join('\n')}\n`)
}

function findingsOf(outcomes: Outcomes): Findings {
  const each = [...outcomes]
  const refreshes = each.reduce((sum, [, outcome]) => sum + outcome.refreshes.length, 0)
  return {
    trials: refreshes,
    unit: 'refreshes',
    counted: each.flatMap(([limits, outcome]) => countedIn(limits, outcome)),
    measured: each.flatMap(([limits, outcome]) => measuredIn(limits, outcome)),
    plots: [latencyPlot(outcomes), memoryPlot(outcomes)],
    remarks: [
      `The flood is a closed loop of ${CLIENTS} clients from ${NETWORKS} networks: 70 % of its requests name unknown ` +
        'addresses, the others accounts whose password it does not know, and 2 % have a body of 1 MiB.',
      `${SESSIONS} honest sessions refresh each second, or as soon as they have their answer where that takes longer, ` +
        'from a network of their own.',
      'One honest person signs in every two seconds on one device, and tries again when told to come later.',
      'Flood, service, PostgreSQL and honest clients share the cores of one machine.',
    ],
  }
}

function countedIn(limits: string, { refreshes, signIns, flood }: FloodOutcome): Counted[] {
  const answered = Object.values(flood.answered).reduce((sum, count) => sum + count, 0)
  const faults = Object.entries(flood.answered).filter(([status]) => Number(status) >= 500 && status !== '503')
  const withLimits = `(limits ${limits})`
  return [
    {
      what: `refreshes that failed ${withLimits}`,
      count: refreshes.filter(({ fault }) => fault !== undefined).length,
      of: refreshes.length,
    },
    {
      what: `honest sign-ins that were not served within 30 s ${withLimits}`,
      count: signIns.filter(({ fault }) => fault !== undefined).length,
      of: signIns.length,
    },
    {
      what: `answers to the flood that tell of a fault ${withLimits}`,
      count: faults.reduce((sum, [, count]) => sum + count, 0),
      of: answered,
    },
  ]
}

function measuredIn(limits: string, outcome: FloodOutcome): Measured[] {
  const { refreshes, signIns, flood, memory, mainThread, from, to } = outcome
  const between = (start: number, end: number) =>
    refreshes.filter(({ at }) => at >= start && at < end).map(({ latency }) => latency)
  const [idle, during, after] = [between(0, from), between(from, to), between(to, Number.POSITIVE_INFINITY)]
  const p50 = (values: number[]) => percentile(values, 0.5)
  const p99 = (values: number[]) => percentile(values, 0.99)
  const ms = (what: string, value: number) => ({ what: `refresh ${what} (limits ${limits})`, value, unit: 'ms' })
  const statuses = Object.entries(flood.answered).sort(([, a], [, b]) => b - a)
  const answers = during.length + Object.values(flood.answered).reduce((sum, count) => sum + count, 0)
  return [
    ...[ms('p50 idle', p50(idle)), ms('p50 during the flood', p50(during)), ms('p50 after it', p50(after))],
    ms('p99 idle', p99(idle)),
    { ...ms('p99 during the flood', p99(during)), promised: { below: 25 } },
    ms('p99 after it', p99(after)),
    {
      what: `p99 during the flood, in p99 idle (limits ${limits})`,
      value: p99(during) / p99(idle),
      unit: '',
      promised: { below: 3 },
    },
    ...(memory.samples.length > 0
      ? [{ what: `memory at most (limits ${limits})`, value: memory.highest, unit: 'MiB', promised: { below: 256 } }]
      : []),
    { what: `honest sign-in p50 (limits ${limits})`, value: p50(signIns.map(({ seconds }) => seconds)), unit: 's' },
    {
      what: `honest sign-in at most (limits ${limits})`,
      value: Math.max(...signIns.map(one => one.seconds)),
      unit: 's',
    },
    ...(Number.isNaN(mainThread)
      ? []
      : [{ what: `main thread for each answer (limits ${limits})`, value: mainThread / answers, unit: 'ms' }]),
    ...statuses.map(([status, count]) => ({
      what: `the flood was answered ${status} (limits ${limits})`,
      value: count / flood.seconds,
      unit: '/s',
    })),
    { what: `the flood’s connections broke (limits ${limits})`, value: flood.broken / flood.seconds, unit: '/s' },
  ]
}

function latencyPlot(outcomes: Outcomes): Plot {
  return {
    name: 'latency',
    title: 'Refreshes before, during and after a flood of sign-ins',
    x: { label: 'time (s)' },
    y: { label: 'latency in each second (ms)', isLogarithmic: true },
    lines: [...outcomes].flatMap(([limits, { refreshes }]): Line[] => {
      const seconds = Map.groupBy(refreshes, ({ at }) => Math.floor(at / 1_000))
      const lineOf = (label: string, share: number): Line => ({
        label: `${label}, limits ${limits}`,
        points: [...seconds].map(
          ([second, all]) =>
            [
              second,
              percentile(
                all.map(one => one.latency),
                share,
              ),
            ] as const,
        ),
      })
      return [lineOf('p50', 0.5), lineOf('slowest', 1)]
    }),
    spans: floodSpan(outcomes),
  }
}

function memoryPlot(outcomes: Outcomes): Plot {
  return {
    name: 'memory',
    title: 'Memory of the service before, during and after a flood of sign-ins',
    x: { label: 'time (s)' },
    y: { label: 'resident (MiB)' },
    lines: [...outcomes].map(([limits, { memory }]) => ({
      label: `limits ${limits}`,
      points: memory.samples.map(({ at, mebibytes }) => [at / 1_000, mebibytes] as const),
    })),
    spans: floodSpan(outcomes),
  }
}

function floodSpan(outcomes: Outcomes): NonNullable<Plot['spans']> {
  const [first] = outcomes.values()
  return first ? [{ from: first.from / 1_000, to: first.to / 1_000, label: 'flood' }] : []
}
