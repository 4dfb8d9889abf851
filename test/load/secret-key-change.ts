import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { confirmedAccount } from '../measuring/accounts.ts'
import { freePort } from '../measuring/free-port.ts'
import type { Experiment, Findings, Trial } from '../proof/experiment.ts'
import type { Alteration } from '../support/altered-source.ts'
import { readiness } from '../support/metrics.ts'
import { createDatabase } from '../support/postgres.ts'
import { emptyDirectory, ServiceProcess } from '../support/process.ts'
import { type Answer, exchange, type SignedUp, send, signIn } from '../support/service.ts'

const SESSIONS = 6
const LONGEST_WAIT = 30_000 // milliseconds
const MOST_STARTS = 3 // as a supervisor makes them when the database was too slow

/** A secret key that is replaced while two processes serve, in the right order and, every second time, in a wrong one. */
export const secretKeyChange: Experiment = {
  id: 'F18-secret',
  title: 'Change of the secret key under load',
  claim:
    'While a secret key is replaced, process by process, nobody is signed out, a refresh token has one successor, and no ' +
    'request fails but with 503, also when a key makes before every process accepts it; a process that lacks it says that it is not ready.',
  command: 'prove:long',
  proves: ['R62'],
  trials: { short: 2, full: 40 },
  run: trial => runSecretKeyChange(trial),
}

/** @param alterations of the service's source, to see that what breaks the claim is found */
export async function runSecretKeyChange(trial: Trial, alterations: Alteration[] = []): Promise<Findings> {
  await using opened = new AsyncDisposableStack()
  const database = opened.use(await createDatabase(trial.postgresUrl))
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  opened.defer(() => client.end())
  let keys = [newKey(0)]
  const processes = [await startable(), await startable()]
  const [first, second] = processes as [Startable, Startable]
  await first.start(keys)
  const account = await confirmedAccount(first)
  const tokens: string[] = []
  while (tokens.length < SESSIONS) tokens.push(await signIn(first, account))
  await second.start(keys)

  const load = new Load(
    processes.map(({ url }) => url),
    account,
    tokens,
  )
  const loading = load.run()
  let blind = 0
  let hasty = 0
  try {
    for (let change = 1; change <= trial.trials; change++) {
      const [older, newer] = [keys[0]!, newKey(change)]
      const isHasty = change % 2 === 0 || trial.trials === 1
      if (isHasty) hasty++
      if (!isHasty) await inTurn([older, newer])
      await first.start([newer, older])
      if (isHasty && !(await isToldByReadyz(second))) blind++
      if (isHasty) await load.meetsWhatOthersMade()
      await second.start([newer, older])
      await untilUnused(client, idOf(older))
      await inTurn([newer])
      keys = [newer]
      trial.progress(change)
    }
  } finally {
    load.stop()
    await loading
  }
  writeFileSync(join(trial.directory, 'refused.jsonl'), load.refused.map(each => `${JSON.stringify(each)}\n`).join(''))
  return findingsOf(trial, load, { blind, hasty })

  async function inTurn(next: string[]): Promise<void> {
    for (const each of processes) await each.start(next)
  }

  async function startable(): Promise<Startable> {
    const directory = opened.use(await emptyDirectory())
    const port = await freePort()
    const settings = {
      AUTH_DATABASE_URL: database.url,
      AUTH_DATA_DIR: directory.path,
      AUTH_PORT: String(port),
      AUTH_RATE_LIMITS: 'off',
      AUTH_METRICS_LISTEN: `127.0.0.1:${await freePort()}`,
    }
    return opened.use(new Startable(`http://localhost:${port}`, settings, [...fasterKeys, ...alterations]))
  }
}

/** A process at a fixed address, which is started anew with other keys. */
class Startable implements AsyncDisposable {
  readonly url: string
  readonly #settings: Record<string, string>
  readonly #alterations: Alteration[]
  #process: ServiceProcess | undefined

  constructor(url: string, settings: Record<string, string>, alterations: Alteration[]) {
    this.url = url
    this.#settings = settings
    this.#alterations = alterations
  }

  get metricsUrl(): string {
    return `http://${this.#settings.AUTH_METRICS_LISTEN}/metrics`
  }

  async start(keys: readonly string[]): Promise<void> {
    await this.#process?.kill('SIGTERM')
    const settings = { ...this.#settings, AUTH_SECRET_KEY: keys.join(',') }
    for (let again = MOST_STARTS; ; again--) {
      this.#process = new ServiceProcess(settings, [], this.#alterations)
      try {
        return void (await this.#process.started())
      } catch (error) {
        if (again === 1 || !/connection timeout/.test((error as Error).message)) throw error // of a busy machine
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]()
  }
}

/** People who refresh and sign in all the time, at one process and the other. */
class Load {
  readonly #urls: string[]
  readonly #account: SignedUp
  readonly #tokens: string[]
  #isOver = false
  served = 0
  unavailable = 0
  differing = 0
  readonly refused: { what: string; status: number; text: string }[] = []

  constructor(urls: string[], account: SignedUp, tokens: string[]) {
    this.#urls = urls
    this.#account = account
    this.#tokens = tokens
  }

  stop(): void {
    this.#isOver = true
  }

  /** Waits until each client has been told that it cannot be served, in one way or another. */
  async meetsWhatOthersMade(): Promise<void> {
    const told = () => this.unavailable + this.refused.length
    const before = told()
    for (const deadline = Date.now() + LONGEST_WAIT; told() < before + SESSIONS; await pause(50))
      if (Date.now() > deadline) throw new Error('no client was told anything but success')
  }

  async run(): Promise<void> {
    await Promise.all([...this.#tokens.map((token, index) => this.#refresh(token, index)), this.#signIn()])
  }

  async #refresh(token: string, index: number): Promise<void> {
    for (let turn = index; !this.#isOver; turn++) {
      const tabs = this.#urls.map((_, tab) => this.#ask(turn + tab, 'refresh', url => exchange({ url }, token)))
      const successors = (await Promise.all(tabs)).flatMap(answer => answer?.body.refresh_token ?? [])
      if (new Set(successors).size > 1) this.differing++
      token = successors[turn % successors.length] ?? token
      await pause(50)
    }
  }

  async #signIn(): Promise<void> {
    const { email, password } = this.#account
    for (let turn = 0; !this.#isOver; turn++) {
      const json = { email, password }
      const answer = await this.#ask(turn, 'sign-in', url => send(`${url}/v1/sessions`, { json }))
      const token = answer?.body.refresh_token
      // Signed out again, so that no session is left that is never traded in.
      for (let other = turn + 1; token && !this.#isOver; other++)
        if (await this.#ask(other, 'sign-out', url => send(`${url}/oauth2/revoke`, { form: { token } }))) break
      await pause(1_000)
    }
  }

  /** @returns undefined when it has to be tried again: the process is being started anew, or answers 503 */
  async #ask(turn: number, what: string, ask: (url: string) => Promise<Answer>) {
    const answer = await ask(this.#urls[turn % this.#urls.length]!).catch(() => undefined)
    if (answer?.status === 503) this.unavailable++
    if (!answer || answer.status === 503) return undefined
    if (answer.status < 300) {
      this.served++
      return answer
    }
    this.refused.push({ what, status: answer.status, text: answer.text })
    return undefined
  }
}

const newKey = (index: number): string => `k${index}:${randomBytes(32).toString('base64')}`
const idOf = (key: string): string => key.split(':')[0]!

/** Whether a process tells in time that it lacks a key. */
async function isToldByReadyz({ metricsUrl }: Startable): Promise<boolean> {
  for (const deadline = Date.now() + LONGEST_WAIT; Date.now() < deadline; await pause(100)) {
    const report = await readiness(metricsUrl).catch(() => undefined)
    if (report?.status === 'failed' && /is missing in AUTH_SECRET_KEY/.test(report.reason ?? '')) return true
  }
  return false
}

/** Waits until no session needs a key any more and no process has made with it of late. */
async function untilUnused(client: pg.Client, id: string): Promise<void> {
  for (const deadline = Date.now() + LONGEST_WAIT; ; await pause(200)) {
    const { rows } = await client.query(
      `select (select count(*) from session where token_key = $1 and ended_at is null)::int as sessions,
         (select made_at > now() - interval '4 seconds' from secret_key where id = $1) as making`,
      [id],
    )
    if (rows[0].sessions === 0 && !rows[0].making) return
    if (Date.now() > deadline) throw new Error(`${id} is still needed: ${JSON.stringify(rows[0])}`)
  }
}

/** What an operator waits minutes for takes seconds; and a first key that nobody accepts yet is not refused. */
const fasterKeys: Alteration[] = [
  {
    file: 'secrets/secret-key-store.ts',
    find: 'const MADE_RECENTLY = 150 // seconds',
    replace: 'const MADE_RECENTLY = 3',
  },
  {
    file: 'secrets/secret-key-store.ts',
    find: "interval '50 seconds'",
    replace: "interval '1 second'",
  },
  { file: 'housekeeping.ts', find: 'const MINUTE = 60_000 // milliseconds', replace: 'const MINUTE = 1_500' },
  {
    file: 'secrets/secret-key-check.ts',
    find: 'if (isShared) refuseUnacceptedFirst(keys, known)',
    replace: 'void [isShared, refuseUnacceptedFirst]',
  },
]

function findingsOf({ trials }: Trial, load: Load, { blind, hasty }: { blind: number; hasty: number }): Findings {
  const requests = load.served + load.unavailable + load.refused.length
  const refusals = (what: string) => load.refused.filter(each => each.what === what).length
  return {
    trials,
    unit: 'changes of the key',
    counted: [
      { what: 'refreshes refused other than with 503', count: refusals('refresh'), of: requests },
      { what: 'sign-ins refused other than with 503', count: refusals('sign-in'), of: requests },
      { what: 'sign-outs refused other than with 503', count: refusals('sign-out'), of: requests },
      { what: 'refreshes at both processes at once that got two successors', count: load.differing, of: load.served },
      { what: 'processes that lacked a key and said that they were ready', count: blind, of: hasty },
    ],
    measured: [
      { what: 'requests served', value: load.served, unit: '' },
      { what: 'requests answered with 503', value: load.unavailable, unit: '' },
    ],
    remarks: [
      'Two processes on one PostgreSQL are started anew, one after the other, with each step: the new key behind, in front, and ' +
        'alone. Every second change leaves out the first step, which the service refuses unless it is altered as here.',
      'Each client shows its token at both processes at once, as two tabs do, and goes on with either answer.',
      'Times about keys are shorter than in operation; a process that is being started is not there for its clients, who ' +
        'ask the other one.',
    ],
  }
}
