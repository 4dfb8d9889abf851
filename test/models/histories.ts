import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import type { Experiment, Findings, Trial } from '../proof/experiment.ts'
import type { Alteration } from '../support/altered-source.ts'
import { accountCommands, signedInAtTheStart } from './account-commands.ts'
import type { Command } from './command.ts'
import { crashAfter, crashCommands } from './crash-commands.ts'
import { History } from './history.ts'
import { assertLastThings } from './last-checks.ts'
import { sessionCommands } from './session-commands.ts'
import { timeCommands } from './time-commands.ts'
import { type World, worldInProcess, worldThatCrashes } from './world.ts'

const LONGEST_HISTORY = 70 // commands, of which some make no sense where they stand and are left out
const START_SIGNED_IN = 3 // of 4 histories, so that most have sessions early
const BUNCH = 20 // histories that fast-check is given at once; each bunch can fail and be shrunk for itself
const WORLDS_THAT_CRASH = 4 // at once: most of the time they wait for letters that a kill interrupted
const MOST_FAULTS = 3 // after which no more are looked for
const LONGEST_SHRINKING = 20_000 // milliseconds

const CLAIM =
  'Whatever people, thieves and clocks do with sign-ups, confirmations and sessions, the service does what a small ' +
  'model of it says: one confirmed account an address, nobody signed in before, every theft found, no owner locked out'
const PROVES = ['R03', 'R04', 'R16', 'R43', 'R44', 'R47']

export const histories: Experiment = {
  id: 'F7',
  title: 'Histories of accounts and sessions',
  claim: `${CLAIM}.`,
  command: 'prove',
  proves: PROVES,
  trials: { short: 30, full: 2_000 },
  run: trial => run(trial, { worlds: [worldInProcess, () => worldInProcess(undefined)], crashes: false }),
}

export const historiesWithCrashes: Experiment = {
  id: 'F7-kills',
  title: 'Histories in which the process is killed',
  claim: `${CLAIM}; and kill -9 at any moment undoes nothing that was answered, nor does it do anything by halves.`,
  command: 'prove',
  proves: PROVES,
  trials: { short: 3, full: 500 },
  run: trial => run(trial, { worlds: Array(WORLDS_THAT_CRASH).fill(worldThatCrashes), crashes: true }),
}

/** @param alterations of the service, which is to be found out; what finds it is not shrunk */
export function historiesOn(alterations: Alteration[]): Experiment {
  const worlds = [(postgresUrl: string) => worldThatCrashes(postgresUrl, alterations)]
  const trials = { short: BUNCH, full: BUNCH }
  return {
    ...histories,
    id: 'F7-control',
    trials,
    run: trial => run(trial, { worlds, crashes: false, endOnFailure: true }),
  }
}

type Plan = { worlds: ((postgresUrl: string) => Promise<World>)[]; crashes: boolean; endOnFailure?: boolean }
type Tally = { histories: number; commands: number; kills: number; outcomes: Map<string, number>; faults: string[] }
const newTally = (): Tally => ({ histories: 0, commands: 0, kills: 0, outcomes: new Map(), faults: [] })
/** What repeats a failure: see AUTH_TEST_HISTORY in histories.test.ts. */
export type Replay = { id: string; seed: number; path: string; replayPath: string }

async function run(trial: Trial, { worlds, crashes, endOnFailure = false }: Plan): Promise<Findings> {
  const tally = newTally()
  const size = Math.min(BUNCH, Math.ceil(trial.trials / worlds.length))
  let begun = 0
  const lanes = worlds.map(async open => {
    await using world = await open(trial.postgresUrl)
    while (begun < trial.trials && tally.faults.length < MOST_FAULTS) {
      const seed = trial.seed + begun
      begun += size
      const details = await tryOut(world, tally, { crashes, seed, numRuns: size, endOnFailure })
      const line = JSON.stringify({ seed, histories: details.numRuns, failed: details.failed })
      await appendFile(join(trial.directory, 'bunches.jsonl'), `${line}\n`)
      if (details.failed)
        await noteFault(trial, tally, { ...details, id: crashes ? historiesWithCrashes.id : histories.id })
      trial.progress(tally.histories)
    }
  })
  const ends = await Promise.allSettled(lanes) // not before each has ended what it started
  for (const end of ends) if (end.status === 'rejected') throw end.reason
  return {
    trials: tally.histories,
    unit: 'histories',
    counted: [
      {
        what: 'histories that the service and the model tell differently',
        count: tally.faults.length,
        of: tally.histories,
      },
    ],
    measured: [
      { what: 'commands a history', value: tally.commands / tally.histories, unit: '' },
      ...(crashes ? [{ what: 'kills a history', value: tally.kills / tally.histories, unit: '' }] : []),
    ],
    remarks: [`Exchanges, by what they came to: ${listed(tally.outcomes)}.`, ...tally.faults],
  }
}

const listed = (outcomes: Map<string, number>) =>
  [...outcomes]
    .map(([outcome, count]) => `${count} ${outcome}`)
    .sort()
    .join(', ')

type Options = { crashes: boolean; replayPath?: string } & fc.Parameters<[number, Iterable<Command>]>

async function tryOut(world: World, tally: Tally, { crashes, replayPath, ...parameters }: Options) {
  const steps = [accountCommands(), sessionCommands(), timeCommands(), crashes ? crashCommands() : []].flat()
  const start = Math.ceil(Date.now() / 60_000) * 60_000
  const histories = fc.commands(steps, { maxCommands: LONGEST_HISTORY, size: 'max', ...(replayPath && { replayPath }) })
  let shrinkUntil = Number.POSITIVE_INFINITY
  const property = fc.asyncProperty(fc.nat({ max: 3 }), histories, async (chance, commands) => {
    if (Date.now() > shrinkUntil) return // fast-check's own limit would leave a history running
    const history = new History(start)
    await world.setClock(start)
    try {
      if (chance < START_SIGNED_IN) for (const step of signedInAtTheStart()) await step.run(history, world)
      await fc.asyncModelRun(() => ({ model: history, real: world }), commands)
      if (crashes && history.kills === 0) await crashAfter(history, world, 0)
      await assertLastThings(history, world)
    } catch (error) {
      shrinkUntil = Math.min(shrinkUntil, Date.now() + LONGEST_SHRINKING)
      throw error
    } finally {
      tally.histories += 1
      tally.commands += history.steps
      tally.kills += history.kills
      for (const outcome of history.outcomes) tally.outcomes.set(outcome, (tally.outcomes.get(outcome) ?? 0) + 1)
    }
  })
  return fc.check(property, parameters)
}

type Details = Awaited<ReturnType<typeof tryOut>> & { id: string }

async function noteFault(trial: Trial, tally: Tally, details: Details): Promise<void> {
  const { id, seed, counterexamplePath: path, counterexample, errorInstance } = details
  const commands = `${counterexample?.[0]} ${counterexample?.[1]}`
  const [, replayPath] = /replayPath="(.*)"/.exec(commands) ?? []
  const replay = JSON.stringify({ id, seed, path, replayPath })
  const error = errorInstance instanceof Error ? errorInstance.message : String(errorInstance)
  tally.faults.push(`${commands}\n${error}\nRepeat with AUTH_TEST_HISTORY='${replay}'`)
  await appendFile(join(trial.directory, 'faults.jsonl'), `${JSON.stringify({ commands, error, replay })}\n`)
}

/** Repeats the very history that failed. @throws what went wrong */
export async function repeatHistory(postgresUrl: string, replay: Replay): Promise<void> {
  const crashes = replay.id === historiesWithCrashes.id
  await using world = await (crashes ? worldThatCrashes : worldInProcess)(postgresUrl)
  const tally = newTally()
  const { seed, path, replayPath } = replay
  const details = await tryOut(world, tally, { crashes, seed, path, replayPath, endOnFailure: true })
  if (details.failed) throw new Error(String(details.counterexample), { cause: details.errorInstance })
}
