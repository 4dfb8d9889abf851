import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { signedUp } from '../models/account-commands.ts'
import { summary } from '../models/command.ts'
import type { AccountModel } from '../models/history.ts'
import { LIFETIMES } from '../models/session-model.ts'
import { receiveLetter, type World, worldInProcess } from '../models/world.ts'
import type { Experiment, Findings, Trial } from '../proof/experiment.ts'
import { seededRandom } from '../proof/random.ts'
import type { Reply } from '../support/http-connections.ts'
import { newAddress, PASSWORD } from '../support/service.ts'
import { expected, refresh } from '../support/signed-in.ts'
import { accessTokenBoundaries } from './access-token-clock.ts'

const { grace, idle, session, confirmation } = LIFETIMES
const MOST_SKEW = 3_600 // seconds, either way

/** What came of a request at some second, and what should have. */
export type Boundary = { what: string; found: string; expected: string }

/** A process whose clock jumps about at every request; only the database's decides. */
export const clocks: Experiment = {
  id: 'F13',
  title: 'Clocks',
  claim:
    'Links, refresh tokens, sessions and the grace live to the second by the clock of the database, whatever the ' +
    'clock of the process does; access tokens live to the second by the clock that their verifier has.',
  command: 'prove',
  proves: ['R10', 'R45', 'R58'],
  trials: { short: 3, full: 200 },
  run,
}

async function run(trial: Trial): Promise<Findings> {
  const boundaries: Boundary[] = []
  for (const postgresUrl of [trial.postgresUrl, undefined]) {
    await using world = await worldInProcess(postgresUrl)
    const random = seededRandom(trial.seed)
    const share = postgresUrl ? Math.ceil(trial.trials / 2) : Math.floor(trial.trials / 2)
    for (let round = 0; round < share; round++) {
      trial.progress(boundaries.length)
      const start = Date.UTC(2027, 0, 1) + Math.floor(random() * 86_400) * 1_000
      boundaries.push(...(await new Clocks(world, start, random).run()))
    }
  }
  const wrong = boundaries.filter(({ found, expected }) => found !== expected)
  for (const boundary of wrong)
    await appendFile(join(trial.directory, 'faults.jsonl'), `${JSON.stringify({ ...boundary, seed: trial.seed })}\n`)
  return {
    trials: boundaries.length,
    unit: 'boundaries',
    counted: [
      { what: 'answers that were early or late', count: wrong.length, of: boundaries.length },
      ...(['spent', 'access'] as const).map(kind => ({
        what: kind === 'spent' ? 'tokens spent twice when the clock went back' : 'access tokens early or late',
        count: wrong.filter(({ what }) => what.startsWith(kind)).length,
        of: boundaries.filter(({ what }) => what.startsWith(kind)).length,
      })),
    ],
    measured: [],
    remarks: [
      `The clock of the process was up to ${MOST_SKEW} s from that of the database, and another at each request.`,
      'The service itself verifies access tokens without leeway; a verifier with the usual 60 s accepts them for 60 s more.',
    ],
  }
}

class Clocks {
  readonly #world: World
  readonly #start: number
  readonly #random: () => number
  readonly #boundaries: Boundary[] = []
  /** Milliseconds. */
  #now = 0

  /** @param start milliseconds, a whole second */
  constructor(world: World, start: number, random: () => number) {
    this.#world = world
    this.#start = start
    this.#random = random
  }

  async run(): Promise<Boundary[]> {
    const email = await this.#confirmations()
    await this.#idleEnd(email)
    await this.#absoluteEnd(email)
    await this.#grace(email)
    await this.#goingBack(email)
    await this.#at(0)
    const exchange = async () =>
      expected(200, await refresh(this.#world.http, this.#world.url, await this.#signIn(email)))
    this.#boundaries.push(...(await accessTokenBoundaries(this.#world, this.#now, this.#random, exchange)))
    return this.#boundaries
  }

  /** Sets the database's clock to seconds from the start. */
  async #at(seconds: number): Promise<void> {
    this.#now = this.#start + seconds * 1_000
    await this.#world.setClock(this.#now)
  }

  #skew(): void {
    this.#world.setProcessClock!(this.#now + Math.round((this.#random() * 2 - 1) * MOST_SKEW) * 1_000)
  }

  #note(what: string, found: string, expected: string): void {
    this.#boundaries.push({ what, found, expected })
  }

  async #post(path: string, json: object): Promise<Reply> {
    this.#skew()
    return this.#world.http.post(this.#world.url + path, { json })
  }

  async #signIn(email: string): Promise<string> {
    return expected(201, await this.#post('/v1/sessions', { email, password: PASSWORD })).body.refresh_token
  }

  /** Notes what a refresh token came to. @returns the token that it got */
  async #show(what: string, token: string, expected: string, tokens: string[] = []): Promise<string> {
    this.#skew()
    const { status, body } = await refresh(this.#world.http, this.#world.url, token)
    const received: string | undefined = body?.refresh_token
    const found =
      status !== 200 ? body.reason : tokens.includes(received!) ? `token ${tokens.indexOf(received!) + 1}` : 'new'
    this.#note(what, found, expected)
    return received ?? token
  }

  async #confirmations(): Promise<string> {
    await this.#at(0)
    const accounts: AccountModel[] = []
    for (const _ of ['in time', 'late']) {
      const email = newAddress()
      const { body } = expected(201, await this.#post('/v1/accounts', { email, password: PASSWORD }))
      const account = signedUp(body.id, email, PASSWORD, body.confirmation.ticket)
      this.#skew()
      await receiveLetter(account, this.#world)
      accounts.push(account)
    }
    const [inTime, late] = accounts
    const confirm = async ({ letter, ticket }: AccountModel) =>
      summary(await this.#post('/v1/confirmations', { token: letter!.token, ticket }))
    await this.#at(confirmation + 1)
    this.#note('a link a second after its time', await confirm(late!), '410 confirmation_expired')
    await this.#at(confirmation)
    this.#note('a link at the end of its time', await confirm(late!), '410 confirmation_expired')
    await this.#at(confirmation - 1)
    this.#note('a link a second before', await confirm(inTime!), '200 confirmed')
    return inTime!.email
  }

  async #idleEnd(email: string): Promise<void> {
    await this.#at(0)
    const [used, unused] = [await this.#signIn(email), await this.#signIn(email)]
    await this.#at(idle + 1)
    await this.#show('a second after the idle end', unused, 'expired')
    await this.#at(idle - 1)
    const next = await this.#show('a second before the idle end', used, 'new')
    await this.#at(2 * idle - 2)
    await this.#show('a second before the idle end was put off', next, 'new')
  }

  async #absoluteEnd(email: string): Promise<void> {
    await this.#at(0)
    let token = await this.#signIn(email)
    for (let seconds = idle - 1; seconds < session - 1; seconds += idle - 1) {
      await this.#at(seconds)
      token = await this.#show('a session in use', token, 'new')
    }
    await this.#at(session - 1)
    token = await this.#show('a second before the end of the session', token, 'new')
    await this.#at(session + 1)
    await this.#show('a second after the end of the session', token, 'expired')
  }

  async #grace(email: string): Promise<void> {
    await this.#at(0)
    const [first, other] = [await this.#signIn(email), await this.#signIn(email)]
    const second = await this.#show('the first use', first, 'new')
    const otherSecond = await this.#show('the first use', other, 'new')
    const otherThird = await this.#show('the successor', otherSecond, 'new')
    await this.#at(grace - 1)
    await this.#show('a second before the end of the grace', first, 'token 2', [first, second])
    await this.#show('an older one a second before the end of the grace', other, 'token 2', [other, otherThird])
    await this.#at(grace + 1)
    await this.#show('a second after the grace, a lost answer', first, 'new', [first, second])
    await this.#show('the token that was skipped', second, 'reused')
    await this.#at(2 * grace + 1)
    await this.#show('an older one a second after two periods', other, 'reused')
  }

  /** Whatever the database's clock does, one token never has two successors that both work. */
  async #goingBack(email: string): Promise<void> {
    await this.#at(MOST_SKEW)
    const first = await this.#signIn(email)
    const second = await this.#show('the first use', first, 'new')
    await this.#at(100 + Math.floor(this.#random() * (MOST_SKEW - 100)))
    await this.#show('spent, and the clock went back', first, 'token 2', [first, second])
    const third = await this.#show('spent, its successor goes on', second, 'new', [first, second])
    await this.#show('spent, shown again', second, 'token 3', [first, second, third])
    await this.#at(MOST_SKEW + 2 * grace + 1)
    await this.#show('spent long ago', first, 'reused')
    await this.#show('spent long ago, and the session has ended', third, 'reused')
  }
}
