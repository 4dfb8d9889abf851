import { availableParallelism } from 'node:os'
import { FairLanes } from './fair-lanes.ts'
import type { Share } from './fair-queue.ts'

// argon2 runs on libuv's pool: four threads, whatever the machine. One is left to files and name look-ups, which
// would otherwise wait for hashes, and more lanes than threads would make nothing faster.
const MOST_DEFAULT_LANES = 3
const DEFAULT_CAPACITY = 64 // waiting, in all networks together, and as many on devices that are known
const KNOWN_AT_ONCE = 2 // attempts of one account in the line of known devices: the person's two devices, or one that tries again
const AHEAD = 1 // attempts that may ask the database while the lanes hash, so that no lane is ever idle
const LONGEST_WAIT = 10_000 // milliseconds; a full queue is hashed in a tenth of it, unless the database keeps it waiting
const EVERYBODY: Share = ['everybody'] // whoever has a turn goes in the order of coming

/** Who makes an attempt. Places are shared out by network, as the rate limits tell networks apart (IPv6 by /64). */
export type Asker = {
  network: string
  /** The account that was signed in from this device before. Within a network, such accounts share its places. */
  knownAs?: string | undefined
}

/** What an attempt that has its turn may do. */
export type Turn = {
  /** Hashes as soon as a lane is free. */
  hash<T>(hashing: () => Promise<T>): Promise<T>
}

/**
 * Lets only so many password hashes run at once, and only so many attempts be on the way to one, so that a flood of
 * sign-ins takes neither the machine's memory nor the cores and threads that all else needs, nor the database. An
 * attempt waits for its turn before it asks the database anything: a thousand that arrive at once cost nothing until then.
 *
 * Those on devices that are known wait in a line of their own: strangers from more networks than there are places keep
 * other strangers out, but not them. Since anybody can have many accounts, that line too is shared out by network; and
 * since anybody can have many networks, one account may have only two attempts in it. Its others wait among strangers.
 */
export class HashingLanes {
  /** How many hashes run at once at the most. */
  readonly lanes: number
  readonly #turns: FairLanes
  readonly #hashes: FairLanes
  readonly #known = new Map<string, number>() // attempts in the line of known devices by account; none is 0

  /**
   * @param options.lanes by default all cores but one, 1 to 3; more help only a process with more than libuv's four
   * threads (`UV_THREADPOOL_SIZE`)
   * @param options.capacity how many can wait in each line, 64 by default
   */
  constructor(options: { lanes?: number; capacity?: number } = {}) {
    const { lanes = Math.max(1, Math.min(availableParallelism() - 1, MOST_DEFAULT_LANES)) } = options
    this.lanes = lanes
    this.#turns = new FairLanes({
      lanes: lanes + AHEAD,
      capacity: options.capacity ?? DEFAULT_CAPACITY,
      longestWait: LONGEST_WAIT,
    })
    this.#hashes = new FairLanes({ lanes, capacity: AHEAD })
  }

  /** How many attempts wait for their turn now. */
  get waiting(): number {
    return this.#turns.waiting
  }

  /** How many hashes run now. */
  get running(): number {
    return this.#hashes.running
  }

  /** How many hashes were begun since the start. */
  get started(): number {
    return this.#hashes.started
  }

  /** How many attempts were refused since the start: they found no place or lost it, waited too long, or met the closing. */
  get refused(): number {
    return this.#turns.refused
  }

  /**
   * Makes an attempt as soon as its turn has come.
   *
   * @returns what the attempt returns
   * @throws {OverloadedError} when there is no place, when another asker takes the place, after 10 seconds without a turn, after
   *   {@link close}
   * @throws whatever the attempt throws
   */
  run<T>(asker: Asker, attempt: (turn: Turn) => Promise<T>): Promise<T> {
    const turn: Turn = { hash: hashing => this.#hashes.run(EVERYBODY, hashing) }
    const work = () => attempt(turn)
    const { network, knownAs } = asker
    if (knownAs === undefined || !this.#enter(knownAs)) return this.#turns.run([network], work)
    return this.#turns.run([network, knownAs], work, { line: 'known' }).finally(() => this.#leave(knownAs))
  }

  /** Refuses what waits and whatever comes from now on. What has its turn goes on to its end. */
  close(): void {
    this.#turns.close()
  }

  /** Whether one more attempt of the account may be in the line of known devices; then it counts until it leaves. */
  #enter(account: string): boolean {
    const others = this.#known.get(account) ?? 0
    if (others >= KNOWN_AT_ONCE) return false
    this.#known.set(account, others + 1)
    return true
  }

  #leave(account: string): void {
    const others = this.#known.get(account)! - 1
    if (others > 0) this.#known.set(account, others)
    else this.#known.delete(account)
  }
}
