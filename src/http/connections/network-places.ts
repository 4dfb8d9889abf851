/**
 * Counts connections by network, and refuses those of a network that has all of its places.
 *
 * One client must not hold every place of the server, and costs nothing to try.
 */
export class NetworkPlaces {
  readonly #most: number
  readonly #taken = new Map<string, number>()

  /** @param most places of each network */
  constructor(most: number) {
    this.#most = most
  }

  /** @returns whether there was a place; then it has to be given back */
  take(network: string): boolean {
    const taken = this.#taken.get(network) ?? 0
    if (taken >= this.#most) return false
    this.#taken.set(network, taken + 1)
    return true
  }

  giveBack(network: string): void {
    const left = (this.#taken.get(network) ?? 0) - 1
    if (left > 0) this.#taken.set(network, left)
    else this.#taken.delete(network)
  }
}
