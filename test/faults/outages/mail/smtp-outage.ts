import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Experiment, Findings, Plot } from '../../../proof/experiment.ts'
import { quantile } from '../waiting.ts'
import { OUTAGE_MODES } from './smtp-outage-modes.ts'
import { type OutageRun, runOutage } from './smtp-outage-run.ts'

const PER_SECOND = 1 // sign-ups, in each way of being away
const WAYS = OUTAGE_MODES.length

export const smtpOutage: Experiment = {
  id: 'F3',
  title: 'The mail server is away',
  claim:
    'Whichever way the mail server is away, people sign up as before, and each of them gets their letter once it is back.',
  command: 'prove:long',
  proves: ['R88'],
  trials: { short: WAYS * 4, full: WAYS * 600 },
  async run({ trials, postgresUrl, directory, progress }) {
    const seconds = Math.ceil(trials / WAYS / PER_SECOND)
    const began = performance.now()
    const begin = togetherWith(WAYS)
    const timer = setInterval(() => {
      const past = Math.min(seconds, (performance.now() - began) / 1_000)
      progress(Math.floor(past * PER_SECOND * WAYS))
    }, 5_000)
    try {
      const runs = await Promise.all(
        OUTAGE_MODES.map(mode => runOutage(mode, { postgresUrl, seconds, perSecond: PER_SECOND, begin })),
      )
      await appendFile(join(directory, 'outages.jsonl'), runs.map(run => `${JSON.stringify(run)}\n`).join(''))
      return findingsOf(runs, seconds)
    } finally {
      clearInterval(timer)
    }
  },
}

/** @returns what each of so many waits by, until all of them do */
function togetherWith(count: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let waiting = 0
  return () => {
    if (++waiting === count) resolve()
    return promise
  }
}

function findingsOf(runs: OutageRun[], seconds: number): Findings {
  const signUps = runs.flatMap(run => run.signUps)
  const of = signUps.length
  const sum = (count: (run: OutageRun) => number) => runs.reduce((total, run) => total + count(run), 0)
  const overloaded = signUps.filter(({ attempt }) => attempt.status === 503) // nothing there waits for the mail server
  const tries = runs.flatMap(run => run.tries)
  const p99 = (during: string) =>
    quantile(
      signUps.filter(one => one.during === during).map(({ attempt }) => attempt.milliseconds),
      0.99,
    )
  const slowest = runs.toSorted((a, b) => b.drainedIn - a.drainedIn)[0]!
  const busiest = runs.toSorted((a, b) => b.connections - a.connections)[0]!
  return {
    trials: of,
    unit: 'letters',
    counted: [
      {
        what: 'sign-ups that were refused, though not for want of capacity',
        count: signUps.filter(({ attempt }) => attempt.outcome !== 'ok' && attempt.status !== 503).length,
        of,
      },
      { what: 'letters lost', count: sum(({ lost }) => lost.length), of },
      { what: 'accounts without a letter after the backlog was drained', count: sum(run => run.withoutLetter), of },
      {
        what: 'letters that came again with another Message-ID',
        count: sum(run => run.duplicatesWithOtherIds),
        of,
      },
      {
        what: 'letters that were tried more often than the growing pauses allow',
        count: tries.filter(one => one.retries > mostRetriesIn(one.seconds)).length,
        of: tries.length,
      },
    ],
    measured: [
      { what: 'sign-ups that were asked to come back, with 503', value: overloaded.length, unit: '' },
      { what: 'sign-up, p99, before the outage', value: p99('before'), unit: 'ms' },
      { what: 'sign-up, p99, during the outage', value: p99('outage'), unit: 'ms' },
      {
        what: 'longest time to drain the backlog, of the length of the outage',
        value: slowest.drainedIn / seconds,
        unit: '',
        promised: { below: 2 },
      },
      { what: 'most connections tried in an outage', value: (busiest.connections / seconds) * 60, unit: '/min' },
      { what: 'most tries of one letter', value: 1 + Math.max(0, ...tries.map(({ retries }) => retries)), unit: '' },
      {
        what: 'letters that came twice, with the same Message-ID',
        value: sum(run => run.duplicates - run.duplicatesWithOtherIds),
        unit: '',
      },
    ],
    plots: plotsOf(runs),
    remarks: [
      `An outage of ${seconds} seconds in each of ${WAYS} ways at the same time: ${runs.map(({ mode }) => mode).join(', ')}.`,
      'A letter is tried again after 1 to 2 seconds, then after twice as long each time, up to 5 minutes.',
      `The backlog took longest to drain after "${slowest.mode}"; most connections were tried in "${busiest.mode}", ` +
        'where up to five letters are handed over at a time.',
      'A letter that the server took without being able to say so comes again, once a try, with the same Message-ID.',
    ],
  }
}

const LONGEST_PAUSE = 300 // seconds

/** How often a message can come again: after 1 second at the soonest, then after twice as long each time. */
function mostRetriesIn(seconds: number): number {
  let retries = 0
  for (let past = 1; past <= seconds; past += Math.min(LONGEST_PAUSE, 2 ** retries)) retries++
  return retries
}

function plotsOf(runs: OutageRun[]): Plot[] {
  const from = Math.min(...runs.map(({ outage }) => outage.from))
  const to = Math.max(...runs.map(({ outage }) => outage.to))
  const spans = [{ from, to, label: 'the mail server is away' }]
  const x = { label: 'seconds' }
  return [
    {
      name: 'sign-up-latency',
      title: 'Time of a sign-up while the mail server is away',
      x,
      y: { label: 'ms', isLogarithmic: true },
      lines: runs.map(({ mode, signUps }) => ({
        label: mode,
        points: signUps.map(({ at, attempt }) => [at, attempt.milliseconds] as const).sort(([a], [b]) => a - b),
      })),
      spans,
    },
    {
      name: 'backlog',
      title: 'Letters that wait while the mail server is away',
      x,
      y: { label: 'letters' },
      lines: runs.map(({ mode, backlog }) => ({ label: mode, points: backlog })),
      spans,
    },
  ]
}
