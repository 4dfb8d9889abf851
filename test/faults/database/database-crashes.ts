import { setTimeout as pause } from 'node:timers/promises'
import { percentile } from '../../measuring/statistics.ts'
import type { Experiment, Trial } from '../../proof/experiment.ts'
import { seededRandom } from '../../proof/random.ts'
import { type PostgresServer, startPostgres } from '../../support/postgres.ts'
import { newcomers, Regular } from '../history/clients.ts'
import { countedOf } from '../history/counted.ts'
import type { History } from '../history/history.ts'
import { exchangesGoOn, liveOnce } from '../history/lives.ts'
import { openStage, type Running, type Stage } from '../history/stage.ts'

const NEWCOMERS = 6
const REGULARS = 4
const LONGEST_RECOVERY = 60_000 // milliseconds
const PROMISED_RECOVERY = 2_000 // milliseconds

export const databaseCrashes: Experiment = {
  id: 'F8',
  title: 'Crashes of the database',
  claim:
    'When PostgreSQL crashes, nothing that was answered is lost, no session ends, and the service goes on by itself.',
  command: 'prove',
  proves: ['R88'],
  trials: { short: 2, full: 100 },
  async run(trial) {
    await using postgres = await startPostgres()
    await using stage = await openStage({ ...trial, postgresUrl: postgres.url, name: 'history' })
    const regulars = Array.from({ length: REGULARS }, () => new Regular(stage.history, stage.mail))
    const clients = [...Array.from({ length: NEWCOMERS }, () => newcomers(stage.history)), ...regulars]
    const crashes: Crash[] = []
    const oneLife = { kill: (running: Running) => crashRepeatedly({ postgres, stage, running, crashes, trial }) }
    while (crashes.length < trial.trials) await liveOnce(stage, clients, oneLife)
    const judgement = await stage.settle(running => exchangesGoOn(regulars, running))
    const recoveries = crashes.flatMap(({ recoveredWithin }) => recoveredWithin ?? [])
    return {
      trials: crashes.length,
      unit: 'crashes',
      counted: [
        ...countedOf(judgement),
        {
          what: 'crashes that ended the service too',
          count: crashes.length - recoveries.length,
          of: crashes.length,
        },
      ],
      measured: [
        {
          what: 'from the database’s return to the first sign-up, p50',
          value: percentile(recoveries, 0.5),
          unit: 'ms',
          promised: { below: PROMISED_RECOVERY },
        },
        {
          what: 'from the database’s return to the first sign-up, longest',
          value: Math.max(...recoveries),
          unit: 'ms',
          promised: { below: PROMISED_RECOVERY },
        },
        { what: 'share of letters that came twice', value: judgement.duplicates / judgement.letters, unit: '' },
        { what: 'sign-ups answered', value: judgement.answered['sign up'], unit: '' },
        { what: 'exchanges repeated after none or a 5xx came', value: judgement.repeatedExchanges, unit: '' },
      ],
      plots: [
        {
          name: 'recovery',
          title: 'After each crash of the database: time from its return to the first sign-up',
          x: { label: 'crash' },
          y: { label: 'ms' },
          lines: [{ label: 'first 201', points: pointsOf(crashes) }],
        },
      ],
      remarks: [
        'All processes of the server were ended at once and it recovered from its log; fsync was off, so this is a crash of the server and not of the machine.',
        `The crashes came after 0.1 to 0.6 s of load by ${NEWCOMERS + REGULARS} clients.`,
      ],
    }
  },
}

type Crash = {
  /** Milliseconds from the return of the database to the next sign-up that was answered. None when the service ended. */
  recoveredWithin: number | undefined
}

type Crashing = { postgres: PostgresServer; stage: Stage; running: Running; crashes: Crash[]; trial: Trial }

/** Crashes the database until that was done often enough, or ends the service. */
async function crashRepeatedly({ postgres, stage: { history }, running, crashes, trial }: Crashing): Promise<void> {
  const random = seededRandom(trial.seed + crashes.length)
  const { process } = running
  await signedUpSince(history, history.events.length, running)
  while (crashes.length < trial.trials && process.child.exitCode === null) {
    await pause(100 + 500 * random())
    await postgres.restart('immediate')
    const back = performance.now()
    const isRecovered = await signedUpSince(history, history.events.length, running)
    crashes.push({ recoveredWithin: isRecovered ? performance.now() - back : undefined })
    trial.progress(crashes.length)
  }
  await process.kill()
}

/** Waits for a sign-up that is answered after so many events. @returns false when the service has ended before */
async function signedUpSince({ events }: History, position: number, { process }: Running): Promise<boolean> {
  for (const deadline = Date.now() + LONGEST_RECOVERY; ; await pause(2)) {
    for (; position < events.length; position++) {
      const event = events[position]!
      if (event.type === 'ok' && event.account !== undefined) return true
    }
    if (process.child.exitCode !== null) return false
    if (Date.now() > deadline) throw new Error(`No sign-up was answered for ${LONGEST_RECOVERY / 1_000} s`)
  }
}

const pointsOf = (crashes: readonly Crash[]) =>
  crashes.flatMap(({ recoveredWithin }, index) =>
    recoveredWithin === undefined ? [] : [[index + 1, recoveredWithin] as const],
  )
