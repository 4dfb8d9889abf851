import { FairQueue, type Share } from './fair-queue.ts'

const ASSUMED_MS = 20 // that a piece of work takes, until some have been measured
const NEWEST_WEIGHT = 1 / 8 // of the latest piece in the moving average

export type FairLanesOptions = { lanes: number; capacity: number; longestWait?: number; now?: () => number }

/** Two lines take turns, so that neither keeps the other waiting, however long it is. */
export type Line = 'known' | 'strangers'

type Waiting = { start(): void; refuse(error: OverloadedError): void }

/** More work came than the lanes can do. It was not begun, so it can safely be tried again. */
export class OverloadedError extends Error {
  override name = 'OverloadedError'
  readonly code = 'overloaded'
  /** Whole seconds, at least 1, after which what waits now will have been done. */
  readonly retryAfterSeconds: number

  constructor(retryAfterSeconds: number) {
    super(`no place is left to wait for a turn; try again in ${retryAfterSeconds} s`)
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/**
 * Lets only so many pieces of work run at once, and only so many wait, in each of two lines. The places in a line are
 * shared out, as {@link FairQueue} tells.
 */
export class FairLanes {
  /** How many run at once at the most. */
  readonly lanes: number
  readonly #lines: Readonly<Record<Line, FairQueue<Waiting>>>
  readonly #longestWait: number | undefined
  readonly #now: () => number
  #lastLine: Line = 'strangers'
  #running = 0
  #started = 0
  #refused = 0
  #averageMs = ASSUMED_MS
  #closed = false

  /**
   * @param options.capacity how many can wait in each line
   * @param options.longestWait milliseconds after which work that has not begun is refused; without, it waits on
   * @param options.now a monotonic clock in milliseconds, to estimate when to try again
   */
  constructor({ lanes, capacity, longestWait, now = () => performance.now() }: FairLanesOptions) {
    if (!(lanes >= 1)) throw new RangeError(`at least one lane is needed, found ${lanes}`)
    this.lanes = lanes
    this.#lines = { known: new FairQueue(capacity), strangers: new FairQueue(capacity) }
    this.#longestWait = longestWait
    this.#now = now
  }

  /** How much work waits now. */
  get waiting(): number {
    return this.#lines.known.size + this.#lines.strangers.size
  }

  /** How much work runs now. */
  get running(): number {
    return this.#running
  }

  /** How much work was begun since the start. */
  get started(): number {
    return this.#started
  }

  /** How much work was refused since the start: it found no place or lost it, waited too long, or met the closing. */
  get refused(): number {
    return this.#refused
  }

  /**
   * Does a piece of work as soon as its turn has come.
   *
   * @param share whose share of the line it takes
   * @param options.line where it waits, among strangers by default
   * @param options.signal drops the work while it waits, for a client that has gone; once begun it runs to its end
   * @returns what the work returns
   * @throws {OverloadedError} when there is no place, when another share takes the place, after too long a wait, after
   *   {@link close}
   * @throws the signal's reason, or whatever the work throws
   */
  async run<T>(
    share: Share,
    work: () => Promise<T>,
    { line = 'strangers', signal }: { line?: Line; signal?: AbortSignal } = {},
  ): Promise<T> {
    signal?.throwIfAborted()
    if (this.#closed) throw this.#refusal()
    // A lane is only ever free when nobody waits: a lane that ends goes straight to the next in the queue.
    if (this.#running < this.lanes) {
      this.#running++
      this.#lines[line].noteTurn(share)
    } else await this.#turn(this.#lines[line], share, signal)

    this.#started++
    const begun = this.#now()
    try {
      return await work()
    } finally {
      this.#averageMs += (this.#now() - begun - this.#averageMs) * NEWEST_WEIGHT
      this.#passOn()
    }
  }

  /** Refuses what waits and whatever comes from now on. What runs goes on to its end. */
  close(): void {
    this.#closed = true
    for (let next = this.#next(); next; next = this.#next()) next.refuse(this.#refusal())
  }

  #turn(line: FairQueue<Waiting>, share: Share, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const settle = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', leave)
    }
    const leave = () => {
      line.remove(share, waiting)
      settle()
      reject(signal?.reason)
    }
    const waiting: Waiting = {
      start() {
        settle()
        resolve()
      },
      refuse(error) {
        settle()
        reject(error)
      },
    }
    const giveUp = () => {
      line.remove(share, waiting)
      waiting.refuse(this.#refusal())
    }
    const timer = this.#longestWait === undefined ? undefined : setTimeout(giveUp, this.#longestWait)
    signal?.addEventListener('abort', leave, { once: true })
    line.add(share, waiting)?.refuse(this.#refusal())
    return promise
  }

  #passOn(): void {
    const next = this.#next()
    if (next) next.start()
    else this.#running--
  }

  #next(): Waiting | undefined {
    const other = this.#lastLine === 'known' ? 'strangers' : 'known'
    for (const line of [other, this.#lastLine] as const) {
      const next = this.#lines[line].take()
      if (!next) continue
      this.#lastLine = line
      return next
    }
    return undefined
  }

  #refusal(): OverloadedError {
    this.#refused++
    const backlogMs = ((this.waiting + this.#running) * this.#averageMs) / this.lanes
    return new OverloadedError(Math.max(1, Math.ceil(backlogMs / 1000)))
  }
}
