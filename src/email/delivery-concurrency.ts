const FIRST_LIMIT = 5 // emails at once, before anything is known of the server
const LONGEST_STALL = 5_000 // milliseconds

/** The place of one email among those on their way to the server. */
export type DeliveryPlace = {
  /** The server accepted the email: it may take more at once. */
  accepted(): void
  /** The server, or the way to it, was overloaded: it takes less at once. */
  congested(): void
  /** Lets the next email go. */
  release(): void
}

type Waiting = {
  domain: string
  resolve(place: DeliveryPlace): void
  reject(error: Error): void
  timer: NodeJS.Timeout
}

/**
 * How many emails are on their way to the mail server at once: as many as it takes, which only trying tells.
 *
 * The limit grows while emails wait for one another: by one for each that is accepted, which doubles it in the time that
 * one email takes; once the server has been overloaded, from half of what was too much, by one in that time (additive
 * increase, multiplicative decrease, as in RFC 5681). What was under way when it shrank does not shrink it again.
 *
 * Those on their way may be waiting for the servers of their recipients, who may be anybody. So when none of them has made
 * room for a while, one more than the limit goes; and those to domains that have the fewest on their way go first.
 */
export class DeliveryConcurrency {
  readonly #most: number
  readonly #longestStall: number
  #limit: number
  #growsFastBelow = Number.POSITIVE_INFINITY
  #acceptedSinceGrowth = 0
  #inFlight = 0
  readonly #inFlightTo = new Map<string, number>() // by domain
  #shrunk = 0 // times
  #stall: NodeJS.Timeout | undefined
  readonly #waiting = new Set<Waiting>()

  /**
   * @param most the highest limit
   * @param longestStall milliseconds without a new place until one more than the limit goes
   */
  constructor(most: number, longestStall = LONGEST_STALL) {
    this.#most = most
    this.#longestStall = longestStall
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
   * Waits for a place: first those to the domain with the fewest on their way, then in the order of the calls.
   * @param patience milliseconds
   * @param domain the recipient's
   * @throws Error ETIMEDOUT when none came free in that time
   */
  async acquire(patience: number, domain: string): Promise<DeliveryPlace> {
    if (this.#inFlight < this.#limit) return this.#newPlace(domain)
    const { promise, resolve, reject } = Promise.withResolvers<DeliveryPlace>()
    const timer = setTimeout(() => {
      this.#waiting.delete(waiting)
      const error = new Error(`${this.#inFlight} others are still on their way to the mail server`)
      reject(Object.assign(error, { code: 'ETIMEDOUT' }))
    }, patience)
    const waiting: Waiting = { domain, resolve, reject, timer }
    this.#waiting.add(waiting)
    if (this.#waiting.size === 1) this.#watchForStall()
    return promise
  }

  /** Refuses those that wait. */
  close(reason: Error): void {
    clearTimeout(this.#stall)
    for (const { reject, timer } of this.#waiting) {
      clearTimeout(timer)
      reject(reason)
    }
    this.#waiting.clear()
  }

  #newPlace(domain: string): DeliveryPlace {
    const isBeyondLimit = this.#inFlight >= this.#limit
    const shrunkBefore = this.#shrunk
    this.#count(domain, +1)
    return {
      accepted: () => {
        if (isBeyondLimit && shrunkBefore === this.#shrunk) this.#limit = Math.max(this.#limit, this.#inFlight)
        this.#grow()
      },
      congested: () => {
        if (!isBeyondLimit && shrunkBefore === this.#shrunk) this.#shrink()
      },
      release: () => {
        this.#count(domain, -1)
        this.#admit()
      },
    }
  }

  #count(domain: string, change: 1 | -1): void {
    this.#inFlight += change
    const count = (this.#inFlightTo.get(domain) ?? 0) + change
    if (count) this.#inFlightTo.set(domain, count)
    else this.#inFlightTo.delete(domain)
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
    while (this.#waiting.size > 0 && this.#inFlight < this.#limit) this.#admitNext()
  }

  #admitNext(): void {
    const inFlightTo = ({ domain }: Waiting) => this.#inFlightTo.get(domain) ?? 0
    const next = [...this.#waiting].reduce((first, each) => (inFlightTo(each) < inFlightTo(first) ? each : first))
    this.#waiting.delete(next)
    clearTimeout(next.timer)
    next.resolve(this.#newPlace(next.domain))
    this.#watchForStall()
  }

  #watchForStall(): void {
    clearTimeout(this.#stall)
    if (this.#waiting.size === 0) return
    this.#stall = setTimeout(() => {
      if (this.#waiting.size > 0 && this.#inFlight < this.#most) this.#admitNext()
      else this.#watchForStall()
    }, this.#longestStall)
  }
}
