const FIRST_LIMIT = 5 // emails at once, before anything is known of the server

/** The place of one email among those on their way to the server. */
export type DeliveryPlace = {
  /** The server accepted the email: it may take more at once. */
  accepted(): void
  /** The server, or the way to it, was overloaded: it takes less at once. */
  congested(): void
  /** Lets the next email go. */
  release(): void
}

type Waiting = { resolve(place: DeliveryPlace): void; reject(error: Error): void; timer: NodeJS.Timeout }

/**
 * How many emails are on their way to the mail server at once: as many as it takes, which only trying tells.
 *
 * The limit grows while emails wait for one another: by one for each that is accepted, which doubles it in the time that
 * one email takes; once the server has been overloaded, from half of what was too much, by one in that time (additive
 * increase, multiplicative decrease, as in RFC 5681). What was under way when it shrank does not shrink it again.
 */
export class DeliveryConcurrency {
  readonly #most: number
  #limit: number
  #growsFastBelow = Number.POSITIVE_INFINITY
  #acceptedSinceGrowth = 0
  #inFlight = 0
  #shrunk = 0 // times
  readonly #waiting = new Set<Waiting>()

  /** @param most the highest limit */
  constructor(most: number) {
    this.#most = most
    this.#limit = Math.min(FIRST_LIMIT, most)
  }

  /** How many may be on their way now. */
  get limit(): number {
    return this.#limit
  }

  /** How many are. */
  get inFlight(): number {
    return this.#inFlight
  }

  /**
   * Waits for a place, in the order of the calls.
   * @param patience milliseconds
   * @throws Error ETIMEDOUT when none came free in that time
   */
  async acquire(patience: number): Promise<DeliveryPlace> {
    if (this.#inFlight < this.#limit) return this.#newPlace()
    const { promise, resolve, reject } = Promise.withResolvers<DeliveryPlace>()
    const timer = setTimeout(() => {
      this.#waiting.delete(waiting)
      const error = new Error(`${this.#inFlight} others are still on their way to the mail server`)
      reject(Object.assign(error, { code: 'ETIMEDOUT' }))
    }, patience)
    const waiting: Waiting = { resolve, reject, timer }
    this.#waiting.add(waiting)
    return promise
  }

  /** Refuses those that wait. */
  close(reason: Error): void {
    for (const { reject, timer } of this.#waiting) {
      clearTimeout(timer)
      reject(reason)
    }
    this.#waiting.clear()
  }

  #newPlace(): DeliveryPlace {
    this.#inFlight++
    const shrunkBefore = this.#shrunk
    return {
      accepted: () => this.#grow(),
      congested: () => {
        if (shrunkBefore === this.#shrunk) this.#shrink()
      },
      release: () => {
        this.#inFlight--
        this.#admit()
      },
    }
  }

  #grow(): void {
    const isBusy = this.#waiting.size > 0 || this.#inFlight >= this.#limit
    if (!isBusy || this.#limit === this.#most) return
    this.#acceptedSinceGrowth++
    if (this.#limit >= this.#growsFastBelow && this.#acceptedSinceGrowth < this.#limit) return
    this.#limit++
    this.#acceptedSinceGrowth = 0
    this.#admit()
  }

  #shrink(): void {
    this.#limit = Math.max(1, Math.floor(Math.min(this.#limit, this.#inFlight) / 2))
    this.#growsFastBelow = this.#limit
    this.#acceptedSinceGrowth = 0
    this.#shrunk++
  }

  #admit(): void {
    for (const waiting of this.#waiting) {
      if (this.#inFlight >= this.#limit) return
      this.#waiting.delete(waiting)
      clearTimeout(waiting.timer)
      waiting.resolve(this.#newPlace())
    }
  }
}
