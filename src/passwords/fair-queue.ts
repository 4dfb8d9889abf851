/**
 * A bounded queue whose places are shared out by network, so that one that floods it can neither keep another out nor
 * make it wait for more than its own turn.
 *
 * Networks are served round robin; among the items of one network the oldest goes first. When the queue is full, a
 * network that has at least two items fewer than the largest one takes a place from it. Networks of equal share never
 * displace each other, nor do they take turns at being the larger: whoever waits keeps the place.
 */
export class FairQueue<Item> {
  readonly #capacity: number
  readonly #shares = new Map<string, Item[]>() // in the order of their turns; no share is empty
  #size = 0
  #lastServed: string | undefined

  /** @param capacity how many items can wait at once */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** How many items wait. */
  get size(): number {
    return this.#size
  }

  /**
   * Adds an item at the end of its network's share.
   *
   * @returns the item that found no place, if any: the newest of the largest network, or the very item that was added
   */
  add(network: string, item: Item): Item | undefined {
    const share = this.#shares.get(network) ?? []
    let displaced: Item | undefined
    if (!this.hasPlaceFor(network)) return item
    if (this.#size >= this.#capacity) {
      displaced = this.#largestShare().pop()
      this.#size--
    }
    share.push(item)
    this.#shares.set(network, share)
    this.#size++
    return displaced
  }

  /** Whether an item of that network would find a place now. */
  hasPlaceFor(network: string): boolean {
    if (this.#size < this.#capacity) return true
    return (this.#shares.get(network)?.length ?? 0) + 1 < this.#largestShare().length
  }

  /** Notes the turn of a network that was served at once, because nobody waited. */
  noteTurn(network: string): void {
    this.#lastServed = network
  }

  /** Takes out the item whose turn it is. */
  take(): Item | undefined {
    this.#moveLastServedToTheEnd()
    for (const [network, share] of this.#shares) {
      const item = share.shift()
      if (share.length === 0) this.#shares.delete(network)
      this.#size--
      this.noteTurn(network)
      return item
    }
    return undefined
  }

  /** Takes out an item that gives up its place, if it still waits. */
  remove(network: string, item: Item): void {
    const share = this.#shares.get(network)
    const place = share?.indexOf(item) ?? -1
    if (!share || place < 0) return
    share.splice(place, 1)
    if (share.length === 0) this.#shares.delete(network)
    this.#size--
  }

  // Only now, not when it was served: whoever came in the meantime goes first, so nobody has two turns in a row while
  // another waits. And once only, so that ever new networks cannot hold one back.
  #moveLastServedToTheEnd(): void {
    const network = this.#lastServed
    const share = network === undefined ? undefined : this.#shares.get(network)
    if (network === undefined || !share) return
    this.#shares.delete(network)
    this.#shares.set(network, share)
  }

  #largestShare(): Item[] {
    let largest: Item[] = []
    for (const share of this.#shares.values()) if (share.length > largest.length) largest = share
    return largest
  }
}
