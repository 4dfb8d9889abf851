import { setTimeout as pause } from 'node:timers/promises'
import { UnavailableError } from '../storage/unavailable.ts'
import type { KeysElsewhere } from './key-ring.ts'

const BETWEEN_LOOK_UPS = 1_000 // milliseconds
const CHECKED_EVERY = 5_000 // milliseconds; however often a probe asks

/** A key that is needed is not to be had in this process. The message says which, and is for whoever runs the service. */
export class KeysUnavailableError extends UnavailableError {
  override name = 'KeysUnavailableError'
}

/**
 * The keys that other processes on the same database make with and this one lacks.
 *
 * What such a process made is genuine, and this one cannot tell: it answers 503 then, and not that a session or a link is
 * no good. An id that the database does not know is nobody's. A process notes its key there before it makes with it, so
 * whoever looks after having met an id knows. Strangers, who can invent ids, cause one look-up a second at the most; who
 * comes between two waits for the next one.
 */
export class OtherKeys implements KeysElsewhere {
  readonly #own: ReadonlySet<string>
  readonly #load: () => Promise<string[]>
  #missing: readonly string[] = []
  #lookedUpAt = -Infinity
  #next: Promise<void> | undefined

  /**
   * @param own ids of the keys that this process has
   * @param load ids of the keys that any process has made with
   */
  constructor(own: readonly string[], load: () => Promise<string[]>) {
    this.#own = new Set(own)
    this.#load = load
  }

  async refuseIfMade(id: string): Promise<void> {
    if (!this.#missing.includes(id)) await this.#lookUp()
    if (this.#missing.includes(id)) throw new KeysUnavailableError(missingKeys([id]))
  }

  /** Looks for missing keys. @throws KeysUnavailableError that names them, when there are any */
  async check(): Promise<void> {
    if (performance.now() - this.#lookedUpAt > CHECKED_EVERY) await this.#lookUp()
    if (this.#missing.length > 0) throw new KeysUnavailableError(missingKeys(this.#missing))
  }

  #lookUp(): Promise<void> {
    this.#next ??= this.#lookUpSoon()
    return this.#next
  }

  async #lookUpSoon(): Promise<void> {
    await pause(Math.max(0, this.#lookedUpAt + BETWEEN_LOOK_UPS - performance.now()))
    this.#next = undefined // who comes from now on may have met a key that is newer than this look-up
    this.#lookedUpAt = performance.now()
    this.#missing = (await this.#load()).filter(id => !this.#own.has(id))
  }
}

const missingKeys = (ids: readonly string[]): string =>
  `the secret key ${ids.map(id => `"${id}"`).join(', ')} is missing in AUTH_SECRET_KEY, and another process makes with it`
