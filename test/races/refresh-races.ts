import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Experiment, Findings, Trial } from '../proof/experiment.ts'
import { seededRandom } from '../proof/random.ts'
import type { Alteration } from '../support/altered-source.ts'
import { shiftClock } from '../support/database.ts'
import { HttpConnections, type Reply } from '../support/http-connections.ts'
import { type ServicesOnPostgres, startServicesOnPostgres } from '../support/services-on-postgres.ts'
import { confirmed, refresh, signedIn } from '../support/signed-in.ts'

const CLIENTS = 20
const RACES_AT_ONCE = 8
const MOST_SESSIONS = 200 // each costs a sign-in; a race leaves its session for the next one
const WITH_TWO_PROCESSES = 0.4 // of the races
const WITH_THEFT = 0.1 // of the races
const CHASES = 0.1 // of the races: clients that do not wait for one another
const CHASE_LENGTH = 3 // generations
const GRACE = 30 // seconds, the default of AUTH_REFRESH_GRACE

/** 20 clients show one refresh token at once: browser tabs, or a mobile app that retries. */
export const refreshRaces: Experiment = refreshRacesOn([])

/** @param alterations of the service, which is to be found out */
export function refreshRacesOn(alterations: Alteration[]): Experiment {
  return {
    id: 'F6',
    title: 'Refresh races',
    claim:
      'Twenty clients that show one refresh token at once all get the same successor, which works, and no session ' +
      'is ended for it; but when one of them shows a token that was traded in before the grace, the session ends.',
    command: 'prove',
    proves: ['R42', 'R43'],
    trials: { short: 60, full: 10_000 },
    run: trial => run(trial, alterations),
  }
}

type Tally = { races: number; thefts: number; faults: Record<Fault, number>; requests: number; milliseconds: number }
type Fault = 'forked' | 'refused' | 'useless' | 'undetected'

async function run(trial: Trial, alterations: Alteration[]): Promise<Findings> {
  const tally: Tally = {
    races: 0,
    thefts: 0,
    faults: { forked: 0, refused: 0, useless: 0, undetected: 0 },
    requests: 0,
    milliseconds: 0,
  }
  const inTwo = Math.floor(trial.trials * WITH_TWO_PROCESSES)
  for (const [processes, races] of [
    [1, trial.trials - inTwo],
    [2, inTwo],
  ] as const) {
    await using services = await startServicesOnPostgres(trial.postgresUrl, { count: processes, alterations })
    await new Races(services, trial, tally).run(races)
  }
  const { races, thefts, faults, requests, milliseconds } = tally
  return {
    trials: races + thefts,
    unit: 'races',
    counted: [
      { what: 'races with several successors', count: faults.forked, of: races },
      { what: 'sessions that honest clients lost', count: faults.refused, of: races },
      { what: 'successors that did not work', count: faults.useless, of: races },
      { what: 'thefts in a race that did not end the session', count: faults.undetected, of: thefts },
    ],
    measured: [{ what: 'exchanges', value: requests / (milliseconds / 1_000), unit: '/s' }],
    remarks: [`${CLIENTS} clients a race, ${inTwo} of the races against two processes on one database.`],
  }
}

/** The races against some processes. */
class Races {
  readonly #services: ServicesOnPostgres
  readonly #trial: Trial
  readonly #tally: Tally
  readonly #random: () => number

  constructor(services: ServicesOnPostgres, trial: Trial, tally: Tally) {
    this.#services = services
    this.#trial = trial
    this.#tally = tally
    this.#random = seededRandom(trial.seed + services.urls.length)
  }

  async run(count: number): Promise<void> {
    const thefts = Math.ceil(count * WITH_THEFT)
    const honest = count - thefts
    using http = new HttpConnections(CLIENTS * RACES_AT_ONCE)
    const account = await confirmed(this.#services, http)
    const signIn = () => signedIn(this.#services, http, account.email)
    const tokens: string[] = []
    while (tokens.length < Math.min(MOST_SESSIONS, honest)) tokens.push(await signIn())

    const began = performance.now()
    let begun = 0
    await inLanes(async () => {
      while (begun++ < honest) {
        const token = tokens.shift() ?? (await signIn())
        const successor = await (this.#random() < CHASES ? this.#chase(http, token) : this.#race(http, token))
        if (successor) tokens.push(successor)
      }
    })
    this.#tally.milliseconds += performance.now() - began
    await this.#afterwards(http, tokens)

    const stolen: [old: string, current: string][] = []
    while (stolen.length < thefts) stolen.push(await this.#rotated(http, await signIn(), stolen.length % 2))
    await shiftClock(this.#services.database, 2 * GRACE + 1)
    await inLanes(async () => {
      for (let pair = stolen.pop(); pair; pair = stolen.pop()) await this.#raceWithThief(http, ...pair)
    })
  }

  /** @returns the successor, unless the session is lost */
  async #race(http: HttpConnections, token: string): Promise<string | undefined> {
    const replies = await Promise.all(Array.from({ length: CLIENTS }, () => refresh(http, this.#anyUrl(), token)))
    return this.#judge(replies, token)
  }

  /** Each client goes on at once with what it got, so that several generations are shown at the same time. */
  async #chase(http: HttpConnections, token: string): Promise<string | undefined> {
    const runners = Array.from({ length: CLIENTS }, async () => {
      let held = token
      for (let generation = 0; generation < CHASE_LENGTH; generation++) {
        const reply = await refresh(http, this.#anyUrl(), held)
        if (reply.status !== 200) return { held, refused: [reply] }
        held = reply.body.refresh_token
      }
      return { held, refused: [] }
    })
    const ended = await Promise.all(runners)
    this.#tally.requests += (CHASE_LENGTH - 1) * CLIENTS
    const last = (await refresh(http, this.#anyUrl(), ended[0]!.held)).body?.refresh_token
    await refresh(http, this.#anyUrl(), last ?? token) // from here on none of them holds the current one
    const late = await Promise.all(ended.map(({ held }) => refresh(http, this.#anyUrl(), held)))
    return this.#judge([...ended.flatMap(({ refused }) => refused), ...late], token)
  }

  /** @returns the one successor, if that is what everybody got */
  async #judge(replies: Reply[], token: string): Promise<string | undefined> {
    this.#tally.races += 1
    this.#tally.requests += CLIENTS
    if (this.#tally.races % 500 === 0) this.#trial.progress(this.#tally.races)
    const refused = replies.filter(({ status }) => status !== 200)
    const successors = new Set(replies.flatMap(({ body }) => body?.refresh_token ?? []))
    if (refused.length > 0) await this.#fault('refused', { refused: refused.length, first: refused[0]!.text })
    if (successors.size > 1 || successors.has(token)) await this.#fault('forked', { successors: successors.size })
    return refused.length === 0 && successors.size === 1 ? [...successors][0] : undefined
  }

  /** Whether what the last race of each session left is of use; after the other races, the next race has shown it. */
  async #afterwards(http: HttpConnections, tokens: string[]): Promise<void> {
    for (const token of tokens) {
      const { status, text } = await refresh(http, this.#anyUrl(), token)
      if (status !== 200) await this.#fault('useless', { status, text })
    }
  }

  /** @param more how many generations lie between the old token and the current one: whether its successor was used */
  async #rotated(http: HttpConnections, old: string, more: number): Promise<[old: string, current: string]> {
    let current = old
    for (let generation = 0; generation <= more; generation++)
      current = (await refresh(http, this.#anyUrl(), current)).body?.refresh_token
    return [old, current]
  }

  /** One has an old token while the others have the current one: two parties, whichever is asked first. */
  async #raceWithThief(http: HttpConnections, old: string, current: string): Promise<void> {
    const thief = Math.floor(this.#random() * CLIENTS)
    const shown = Array.from({ length: CLIENTS }, (_, client) => (client === thief ? old : current))
    const replies = await Promise.all(shown.map(token => refresh(http, this.#anyUrl(), token)))
    this.#tally.thefts += 1
    const held = new Set([old, current, ...replies.flatMap(({ body }) => body?.refresh_token ?? [])])
    const after = await Promise.all([...held].map(token => refresh(http, this.#anyUrl(), token)))
    const reasons = after.map(({ body }) => body?.reason)
    if (reasons.some(reason => reason !== 'reused')) await this.#fault('undetected', { thief, reasons })
  }

  #anyUrl(): string {
    const { urls } = this.#services
    return urls[Math.floor(this.#random() * urls.length)]!
  }

  async #fault(fault: Fault, facts: object): Promise<void> {
    this.#tally.faults[fault] += 1
    const line = JSON.stringify({ fault, seed: this.#trial.seed, processes: this.#services.urls.length, ...facts })
    await appendFile(join(this.#trial.directory, 'faults.jsonl'), `${line}\n`)
  }
}

async function inLanes(work: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: RACES_AT_ONCE }, work))
}
