import { setTimeout as pause } from 'node:timers/promises'

const LONGEST_CHECK = 3_000 // milliseconds; a probe that hangs tells nothing
const TOO_LONG = { state: 'failed' as const, error: undefined }
const SHARED_FOR = 1_000 // milliseconds

/** What the last check of a dependency found, in milliseconds of `performance.now()`. */
export type Checked = {
  state: 'ok' | 'failed'
  checkedAt: number
  /** When it was last found to be good, if it ever was. */
  okAt: number | undefined
  /** What the check threw, if it did. */
  error: unknown
}

/**
 * One thing that the service cannot work without.
 *
 * Probes are for anybody to send: those that come during a check share it, and a good result is good for a second, so
 * that a stranger who sends many makes no work. A failure is checked again at once.
 */
export class Dependency {
  readonly #check: () => Promise<void>
  readonly #onMissedDeadline: (what: 'readiness_check') => void
  readonly #onFailure: (error: unknown) => void
  #last: Checked | undefined
  #running: Promise<Checked> | undefined

  /**
   * @param check throws when it cannot be reached; the dependency has failed too if it takes longer than 3 seconds
   * @param onMissedDeadline is told when it does
   * @param onFailure is told what the check threw when it fails for the first time, after it was good, or by another kind of error
   */
  constructor(
    check: () => Promise<void>,
    onMissedDeadline: (what: 'readiness_check') => void = () => {},
    onFailure: (error: unknown) => void = () => {},
  ) {
    this.#check = check
    this.#onMissedDeadline = onMissedDeadline
    this.#onFailure = onFailure
  }

  async state(): Promise<Checked> {
    if (this.#last?.state === 'ok' && performance.now() - this.#last.checkedAt < SHARED_FOR) return this.#last
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #run(): Promise<Checked> {
    const found = await Promise.race([
      this.#check().then(
        () => ({ state: 'ok' as const, error: undefined }),
        (error: unknown) => ({ state: 'failed' as const, error }),
      ),
      pause(LONGEST_CHECK, TOO_LONG, { ref: false }),
    ])
    if (found === TOO_LONG) this.#onMissedDeadline('readiness_check')
    if (found.state === 'failed' && (this.#last?.state !== 'failed' || nameOf(found) !== nameOf(this.#last)))
      this.#onFailure(found.error)
    const checkedAt = performance.now()
    this.#last = { ...found, checkedAt, okAt: found.state === 'ok' ? checkedAt : this.#last?.okAt }
    return this.#last
  }
}

const nameOf = ({ error }: { error: unknown }) => (error instanceof Error ? error.name : undefined)

export type ReadinessNeeds = {
  /** Each throws when the part cannot be reached or does not accept writes, or when a key is missing. */
  checks: Record<Part, () => Promise<void>>
  /** Is told of a check that took too long. */
  onMissedDeadline(what: 'readiness_check'): void
  /** Is told what the check of the keys threw when they become unavailable. */
  onKeysFailed(error: unknown): void
  /** What the one who runs the service is told of what the check of the keys threw, if anything. */
  reasonOf(error: unknown): string | undefined
  /** How the sending of emails is; undefined in a process that sends none. It has a deadline of its own. */
  mail: (() => Promise<MailState>) | undefined
}

const PARTS = ['database', 'queue', 'keys'] as const
type Part = (typeof PARTS)[number]
type MailState = 'ok' | 'degraded' | 'unknown'

/** What load balancers ask for, and anybody may know. */
export type ReadinessStatus = { status: 'ok' | 'failed' } & Record<Part, 'ok' | 'failed'>

/** What an operator asks for. */
export type ReadinessReport = ReadinessStatus & {
  /** Why the keys have failed. */
  reason?: string
  /** `degraded`: emails wait, for the mail server is in trouble or takes too few; everything else goes on. */
  mail?: MailState
  /** How old each result is; `ok_seconds_ago` is absent for what was never found to be good. */
  dependencies: Record<Part, { state: 'ok' | 'failed'; checked_seconds_ago: number; ok_seconds_ago?: number }>
}

/** Whether this process can do its work. */
export class Readiness {
  readonly #needs: ReadinessNeeds
  readonly #parts: Record<Part, Dependency>

  constructor(needs: ReadinessNeeds) {
    this.#needs = needs
    const { checks, onMissedDeadline, onKeysFailed } = needs
    const onFailure = { keys: onKeysFailed, database: undefined, queue: undefined }
    this.#parts = byPart(part => new Dependency(checks[part], onMissedDeadline, onFailure[part]))
  }

  async status(): Promise<ReadinessStatus> {
    return statusOf(await this.#check())
  }

  /**
   * Never for strangers: how emails fare would tell who has an account, since while the mail server is down an email that is
   * asked for by address fails only where there is one.
   */
  async report(): Promise<ReadinessReport> {
    const [checked, mail] = await Promise.all([this.#check(), this.#needs.mail?.()])
    const reason = this.#needs.reasonOf(checked.keys.error)
    return {
      ...statusOf(checked),
      ...(reason !== undefined && { reason }),
      ...(mail && { mail }),
      dependencies: byPart(part => describe(checked[part])),
    }
  }

  async #check(): Promise<Record<Part, Checked>> {
    const checked = await Promise.all(PARTS.map(part => this.#parts[part].state()))
    return byPart(part => checked[PARTS.indexOf(part)]!)
  }
}

const byPart = <Value>(valueFor: (part: Part) => Value): Record<Part, Value> => ({
  database: valueFor('database'),
  queue: valueFor('queue'),
  keys: valueFor('keys'),
})

const statusOf = (checked: Record<Part, Checked>): ReadinessStatus => ({
  status: PARTS.every(part => checked[part].state === 'ok') ? 'ok' : 'failed',
  ...byPart(part => checked[part].state),
})

function describe({ state, checkedAt, okAt }: Checked) {
  const now = performance.now()
  const age = (at: number) => Math.max(0, Math.round((now - at) / 100) / 10)
  return { state, checked_seconds_ago: age(checkedAt), ...(okAt !== undefined && { ok_seconds_ago: age(okAt) }) }
}
