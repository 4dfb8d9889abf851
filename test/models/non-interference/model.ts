import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import type { Findings, Trial } from '../../proof/experiment.ts'
import { type Difference, Interference } from './counterexample.ts'
import { HISTORIES, type HistoryName, Owner } from './owner.ts'
import { nameOf } from './routes.ts'
import { type MailRule, type Sequence, type Step, sequences } from './steps.ts'
import { castOf, Stranger } from './stranger.ts'
import { World } from './worlds.ts'

const BUNCH = 25 // sequences that fast-check is given at once; each bunch can fail and be shrunk for itself
const MOST_FAULTS = 3 // after which no more are looked for
const LONGEST_SHRINKING = 40_000 // milliseconds

/** What repeats a failure. */
export type Replay = { seed: number; path: string; histories: HistoryName[] }

export type Plan = {
  /** The worlds that are compared with the one in which the address is unknown. */
  histories: HistoryName[]
  /** The one sequence to repeat. */
  replay?: Pick<Replay, 'seed' | 'path'>
  /** Whether the first difference is enough, as it is found, without looking for a shorter sequence. */
  endOnFailure?: boolean
}

type Tally = {
  tried: number
  sequences: number
  steps: number
  responses: Map<string, number>
  faults: string[]
  told: Map<string, number>
}

/** Tries sequences of a stranger's requests in all worlds at once, and compares what each of them shows. */
export async function compareWorlds(
  trial: Trial,
  { histories, replay, endOnFailure = false }: Plan,
): Promise<Findings> {
  await using opened = new AsyncDisposableStack()
  const names: HistoryName[] = ['unknown', ...histories]
  const worlds = await Promise.all(names.map(async name => opened.use(await World.open(name, trial.postgresUrl))))
  const tally: Tally = { tried: 0, sequences: 0, steps: 0, responses: new Map(), faults: [], told: new Map() }
  const began = performance.now()
  for (let begun = 0; begun < trial.trials && tally.faults.length < MOST_FAULTS; begun += BUNCH) {
    const numRuns = Math.min(BUNCH, trial.trials - begun)
    const parameters = replay ? { ...replay, endOnFailure: true } : { seed: trial.seed + begun, numRuns, endOnFailure }
    const details = await tryOut(worlds, tally, parameters, () => trial.progress(tally.sequences))
    tally.tried += details.numRuns
    if (details.failed) await noteFault(trial, tally, histories, details)
    if (replay || (endOnFailure && details.failed)) break
  }
  return findingsOf(worlds, tally, histories, (performance.now() - began) / 1_000)
}

async function tryOut(worlds: World[], tally: Tally, parameters: fc.Parameters<[Sequence]>, onSequence: () => void) {
  let shrinkUntil = Number.POSITIVE_INFINITY
  const property = fc.asyncProperty(sequences(worlds[0]!.routes), async sequence => {
    if (Date.now() > shrinkUntil) return // fast-check's own limit would leave a sequence running
    try {
      await compare(worlds, sequence, tally)
    } catch (error) {
      shrinkUntil = Math.min(shrinkUntil, Date.now() + LONGEST_SHRINKING)
      throw error
    } finally {
      tally.sequences += 1
      onSequence()
    }
  })
  return fc.check(property, parameters)
}

/** @throws Interference after the first step that shows a difference */
async function compare(worlds: World[], { rule, steps }: Sequence, tally: Tally): Promise<void> {
  const cast = castOf(tally.sequences)
  const start = Math.ceil(Date.now() / 60_000) * 60_000
  const people = await Promise.all(
    worlds.map(async world => {
      await world.clear()
      await world.setClock(start)
      const history = HISTORIES[world.name as HistoryName]
      const owner = history && (await Owner.live(world, cast.target, history))
      world.setMail({ isDown: false, rule }, cast.target)
      return { world, owner, stranger: new Stranger(world, cast) }
    }),
  )
  for (const [index, step] of steps.entries()) {
    tally.steps += 1
    const isThorough = !('route' in step) || index === steps.length - 1
    const seen = await Promise.all(people.map(one => take(one, step, { target: cast.target, rule, isThorough })))
    const differences = people.flatMap(({ world }, place): Difference[] => {
      const [unknown, found] = [seen[0]!, seen[place]!]
      return found.join('\n') === unknown.join('\n') ? [] : [{ world: world.name, unknown, found }]
    })
    if (differences.length > 0) throw new Interference({ rule, steps: steps.slice(0, index + 1) }, differences)
  }
  for (const response of people[0]!.stranger.responses)
    tally.responses.set(response, (tally.responses.get(response) ?? 0) + 1)
}

type Person = { world: World; owner: Owner | undefined; stranger: Stranger }

/** @returns what the stranger sees of a step, and after it */
async function take(
  { world, owner, stranger }: Person,
  step: Step,
  { target, rule, isThorough }: { target: string; rule: MailRule; isThorough: boolean },
): Promise<string[]> {
  await world.setClock(world.now + 1_000) // no two things happen at the same moment
  const seen: string[] = []
  if ('seconds' in step) await world.pass(step.seconds)
  else if ('owner' in step) await owner?.act(step.owner)
  else if ('mail' in step) world.setMail({ isDown: step.mail === 'is down', rule }, target)
  else seen.push(...(await stranger.request(step)))
  if ('mail' in step || 'seconds' in step) await world.retry()
  await world.settle()
  return [...seen, ...(await stranger.look(isThorough))]
}

type Details = Awaited<ReturnType<typeof tryOut>>

async function noteFault(trial: Trial, tally: Tally, histories: HistoryName[], details: Details): Promise<void> {
  const { seed, counterexamplePath: path, errorInstance: error } = details
  const replay = JSON.stringify({ seed, path, histories })
  const message = error instanceof Interference ? error.message : ((error as Error).stack ?? String(error))
  const told = error instanceof Interference ? error.worlds : ['(the sequence failed)']
  for (const world of told) tally.told.set(world, (tally.told.get(world) ?? 0) + 1)
  tally.faults.push(`${message}\nRepeat with AUTH_TEST_SEQUENCE='${replay}'`)
  await appendFile(join(trial.directory, 'faults.jsonl'), `${JSON.stringify({ message, replay })}\n`)
}

function findingsOf([first]: World[], tally: Tally, histories: HistoryName[], seconds: number): Findings {
  const asked = new Set([...tally.responses.keys()].map(response => response.split(' ').slice(0, 2).join(' ')))
  const requests = [...tally.responses.values()].reduce((sum, count) => sum + count, 0)
  const missed = first!.routes
    .filter(({ url }) => url !== '*')
    .map(nameOf)
    .filter(name => !asked.has(name))
  const byStatus = new Map<string, number>()
  for (const [response, count] of tally.responses) {
    const status = response.split(' ')[2]!
    byStatus.set(status, (byStatus.get(status) ?? 0) + count)
  }
  const counted = [...histories, '(the sequence failed)'].map(name => ({
    what: `sequences that show whether the address is unknown or ${name}`,
    count: tally.told.get(name) ?? 0,
    of: tally.tried,
  }))
  return {
    trials: tally.tried,
    unit: 'sequences',
    counted: counted.filter(({ what, count }) => count > 0 || !what.includes('(')),
    measured: [
      { what: 'steps a sequence', value: tally.steps / tally.sequences, unit: '' },
      { what: 'requests a sequence, in each world', value: requests / tally.sequences, unit: '' },
      { what: 'seconds a sequence', value: seconds / tally.sequences, unit: 's' },
    ],
    remarks: [
      `Responses by status: ${[...byStatus]
        .sort()
        .map(([status, count]) => `${count} ${status}`)
        .join(', ')}.`,
      `Of ${first!.routes.length} routes ${missed.length === 0 ? 'each was asked' : `these were not asked: ${missed.join(', ')}`}.`,
      ...tally.faults,
    ],
  }
}
